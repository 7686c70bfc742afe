#include "inference/row_probe.h"
#include "python/bindings.h"
#include "python/python_function.h"

namespace py = pybind11;

namespace pyserver {
namespace {

EngineHolder function_engine(std::string name, std::string device, std::vector<TensorSpec> inputs,
                             std::vector<TensorSpec> outputs, std::int64_t max_batch_size,
                             const std::vector<py::object>& functions, int threads_each) {
  ModelSignature signature{std::move(inputs), std::move(outputs), max_batch_size};
  std::vector<std::unique_ptr<BatchFunction>> made;
  for (const py::object& function : functions) made.push_back(std::make_unique<PythonFunction>(function, signature));
  return {value_or_throw(
      make_function_engine({std::move(name), std::move(device), threads_each}, std::move(signature), std::move(made)))};
}

std::optional<bool> rows_mix(const EngineHolder& holder) {
  holder.get();  // throws where it is taken
  const py::gil_scoped_release release;
  const auto instance = value_or_throw(holder.engine->create_instance(0));
  return mixes_rows(holder.engine->signature(), *instance);
}

}  // namespace

void bind_function(py::module_& module) {
  module.def("function_engine", &function_engine, py::kw_only(), py::arg("name"), py::arg("device"), py::arg("inputs"),
             py::arg("outputs"), py::arg("max_batch_size"), py::arg("functions"), py::arg("threads_each") = 0);
  module.def("mixes_rows", &rows_mix, py::arg("engine"));
}

}  // namespace pyserver
