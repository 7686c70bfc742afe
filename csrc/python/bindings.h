// What the files of this folder share. The only folder that includes pybind11.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>

#include "base/status.h"
#include "inference/engine.h"
#include "processing/processing.h"
#include "tensor/shape.h"

namespace pyserver {

// A Status on its way to Python, where it is StatusError.
struct StatusException {
  Status status;
};

inline void throw_unless_ok(const Status& status) {
  if (!status.ok()) throw StatusException{status};
}
template <typename T>
T value_or_throw(Result<T> result) {
  throw_unless_ok(result.status());
  return *std::move(result);
}

// pyserver._core.Engine: an engine until a runtime takes it.
struct EngineHolder {
  std::unique_ptr<Engine> engine;
  const Engine& get() const;  // throws ValueError once it is taken
};

// pyserver._core.Processing: until a runtime takes it.
struct ProcessingHolder {
  std::unique_ptr<Processing> processing;
  Processing& get() const;  // throws ValueError once it is taken
};

// Bytes that are not UTF-8 are replaced.
inline pybind11::str replaced_utf8(const std::string& text) {
  return pybind11::reinterpret_steal<pybind11::str>(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

// Not initialised.
inline pybind11::bytes new_bytes(std::size_t size) {
  auto bytes =
      pybind11::reinterpret_steal<pybind11::bytes>(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
  if (!bytes) throw pybind11::error_already_set();
  return bytes;
}

// Throws ValueError for a name that is no datatype.
Datatype to_datatype(const std::string& name);
pybind11::tuple to_tuple(const Shape& shape);
Shape to_shape(const std::vector<std::int64_t>& dimensions);

void bind_core(pybind11::module_& module);
void bind_cuda(pybind11::module_& module);         // after bind_core
void bind_cuda_graph(pybind11::module_& module);   // after bind_cuda
void bind_cuda_memory(pybind11::module_& module);  // after bind_cuda
void bind_engines(pybind11::module_& module);
void bind_function(pybind11::module_& module);
void bind_kernels(pybind11::module_& module);  // after bind_cuda
void bind_loadgen(pybind11::module_& module);
void bind_metrics(pybind11::module_& module);
void bind_ops(pybind11::module_& module);
void bind_runtime(pybind11::module_& module);
void bind_shared_memory(pybind11::module_& module);
void bind_tokenizer(pybind11::module_& module);
void bind_transport(pybind11::module_& module);

}  // namespace pyserver
