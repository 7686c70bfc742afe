// The module pyserver._core. Its contract is pyserver/_core.pyi.
#include "python/bindings.h"

namespace py = pybind11;

namespace pyserver {
namespace {

// StatusError(code, message): an exception class made in Python, so that it carries attributes.
py::object make_status_error(const py::module_& module) {
  const py::object type = py::module_::import("builtins").attr("type");
  const py::object bases = py::make_tuple(py::reinterpret_borrow<py::object>(PyExc_Exception));
  py::dict members;
  members["__module__"] = module.attr("__name__");
  members["__doc__"] = "A failed operation of the core: `code` is a canonical gRPC status code.";
  return type("StatusError", bases, members);
}

}  // namespace
}  // namespace pyserver

PYBIND11_MODULE(_core, module) {
  using namespace pyserver;
  module.doc() = "The C++ core: everything that happens on every request.";
  module.attr("StatusError") = make_status_error(module);

  py::register_local_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const StatusException& exception) {
      const py::object type = py::module_::import("pyserver._core").attr("StatusError");
      const py::object error = type(exception.status.message());
      error.attr("code") = static_cast<int>(exception.status.code());
      error.attr("message") = exception.status.message();
      PyErr_SetObject(type.ptr(), error.ptr());
    }
  });

  bind_engines(module);
  bind_function(module);
  bind_ops(module);
  bind_tokenizer(module);
  bind_metrics(module);
  bind_shared_memory(module);
  bind_core(module);
  bind_cuda(module);
  bind_kernels(module);
  bind_cuda_graph(module);
  bind_cuda_memory(module);
  bind_runtime(module);
  bind_transport(module);
  bind_loadgen(module);
}
