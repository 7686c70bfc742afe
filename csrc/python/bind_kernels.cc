// Ops on a GPU, as pyserver._core.KernelCompiler and DeviceChain.
#include <algorithm>

#include "cuda/copy.h"
#include "cuda/device_memory.h"
#include "kernels/kernel_compiler.h"
#include "kernels/kernel_plan.h"
#include "python/bindings.h"
#include "python/cuda_device.h"
#include "python/device_chain.h"
#include "python/named_ops.h"

namespace py = pybind11;

namespace pyserver {
namespace {

using kernels::DeviceChain;
using kernels::KernelCompiler;
using Folders = std::vector<std::string>;

// pyserver._core.KernelCompiler
struct CompilerHolder {
  std::shared_ptr<const KernelCompiler> compiler;
};

CompilerHolder make_compiler(const std::string& cache_folder, const std::string& library) {
  const py::gil_scoped_release release;
  return {value_or_throw(KernelCompiler::create(cache_folder, library))};
}

DeviceChainHolder make_chain(const DeviceHolder& device, const CompilerHolder& compiler, const NamedOps& ops,
                             const std::string& datatype, const std::vector<std::int64_t>& shape,
                             const Folders& folders) {
  const RowSpec input{to_datatype(datatype), to_shape(shape)};
  std::vector<std::unique_ptr<Op>> made = make_ops(ops, folders);
  const py::gil_scoped_release release;
  return {device.device, std::make_shared<const DeviceChain>(value_or_throw(
                             DeviceChain::create(*device.device, *compiler.compiler, std::move(made), input)))};
}

// The row that comes out of the kernels; none is compiled.
py::tuple plan(const NamedOps& ops, const std::string& datatype, const std::vector<std::int64_t>& shape,
               const Folders& folders) {
  const RowSpec input{to_datatype(datatype), to_shape(shape)};
  const auto planned = value_or_throw(kernels::plan_kernels(make_ops(ops, folders), input));
  return py::make_tuple(name_of(planned.back().output.datatype), to_tuple(planned.back().output.shape));
}

// `in` and `out` hold `rows` rows. Waits until it is done.
Status run_and_wait(const DeviceChainHolder& holder, std::span<const std::byte> in, std::span<std::byte> out,
                    std::int64_t rows) {
  const auto pool = cuda::DevicePool::create(holder.device, "device ops");
  auto stream = cuda::Stream::create(*holder.device);
  if (!stream.ok()) return stream.status();
  auto from = pool->take(in.size());
  auto to = pool->take(out.size());
  // Never nothing: the pool gives none of that.
  auto scratch = pool->take(std::max<std::size_t>(holder.chain->scratch_bytes(rows), 1));
  for (const auto* buffer : {&from, &to, &scratch}) {
    if (!buffer->ok()) return buffer->status();
  }
  Status status = cuda::copy_to_device(*stream, from->address(), in);
  if (status.ok()) {
    status = holder.chain->enqueue(*stream, from->address(), to->address(), scratch->address(), rows);
  }
  if (status.ok()) status = cuda::copy_from_device(*stream, out, to->address());
  // Whatever was enqueued must be done before its memory goes.
  const Status done = stream->synchronize();
  return status.ok() ? done : status;
}

py::bytes run(const DeviceChainHolder& holder, const py::bytes& rows) {
  const std::string_view in(rows);
  const std::size_t row = holder.chain->input_bytes();
  if (in.empty() || in.size() % row != 0) {
    throw py::value_error("expected rows of " + std::to_string(row) + " bytes, got " + std::to_string(in.size()));
  }
  const std::size_t count = in.size() / row;
  py::bytes made = new_bytes(count * holder.chain->output_bytes());
  const std::span out(reinterpret_cast<std::byte*>(PyBytes_AS_STRING(made.ptr())),
                      count * holder.chain->output_bytes());
  const py::gil_scoped_release release;
  throw_unless_ok(run_and_wait(holder, std::as_bytes(std::span(in)), out, static_cast<std::int64_t>(count)));
  return made;
}

}  // namespace

void bind_kernels(py::module_& module) {
  py::class_<CompilerHolder>(module, "KernelCompiler")
      .def(py::init(&make_compiler), py::arg("cache_folder") = "", py::arg("library") = "")
      .def_property_readonly("version",
                             [](const CompilerHolder& self) {
                               const kernels::Nvrtc& nvrtc = self.compiler->nvrtc();
                               return py::make_tuple(nvrtc.major(), nvrtc.minor());
                             })
      .def_property_readonly("compiled", [](const CompilerHolder& self) { return self.compiler->stats().compiled; })
      .def_property_readonly("found", [](const CompilerHolder& self) { return self.compiler->stats().found; })
      .def_property_readonly("not_kept", [](const CompilerHolder& self) { return self.compiler->stats().not_kept; });

  py::class_<DeviceChainHolder>(module, "DeviceChain")
      .def(py::init(&make_chain), py::arg("device"), py::arg("compiler"), py::arg("ops"), py::arg("datatype"),
           py::arg("shape"), py::kw_only(), py::arg("folders") = Folders())
      .def_static(
          "supports", [](const std::string& op) { return kernels::has_kernel(op); }, py::arg("op"))
      .def_static("plan", &plan, py::arg("ops"), py::arg("datatype"), py::arg("shape"), py::kw_only(),
                  py::arg("folders") = Folders())
      .def_property_readonly("input_datatype",
                             [](const DeviceChainHolder& self) { return name_of(self.chain->input().datatype); })
      .def_property_readonly("input_shape",
                             [](const DeviceChainHolder& self) { return to_tuple(self.chain->input().shape); })
      .def_property_readonly("output_datatype",
                             [](const DeviceChainHolder& self) { return name_of(self.chain->output().datatype); })
      .def_property_readonly("output_shape",
                             [](const DeviceChainHolder& self) { return to_tuple(self.chain->output().shape); })
      .def_property_readonly("op_names", [](const DeviceChainHolder& self) { return self.chain->op_names(); })
      .def_property_readonly("kernel_names", [](const DeviceChainHolder& self) { return self.chain->kernel_names(); })
      .def("run", &run, py::arg("rows"));
}

}  // namespace pyserver
