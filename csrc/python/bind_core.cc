#include <pybind11/native_enum.h>

#include <map>
#include <variant>

#include "base/text.h"
#include "python/bindings.h"
#include "python/core.h"

namespace py = pybind11;

namespace pyserver {
namespace {

// One finished call, as Python sees it. It does not hold the call's token: what waits for the call is reachable from
// there, and will hold this, which would be a cycle that Python's collector cannot see.
struct Completed {
  int code;
  py::object message;
  py::object response;
  py::object request_id;
  py::object model;
};

py::bytes to_bytes(const Message& message) {
  py::bytes bytes = new_bytes(message.size());
  message.copy_to(reinterpret_cast<std::byte*>(PyBytes_AS_STRING(bytes.ptr())));
  return bytes;
}

py::tuple to_completed(CompletionQueue::Item& item) {
  const InferResult& result = item.result;
  // The references that infer() took.
  Py_DECREF(item.request_bytes);
  const py::object token = py::reinterpret_steal<py::object>(item.token);
  return py::make_tuple(
      token, Completed{static_cast<int>(result.status.code()), replaced_utf8(result.status.message()),
                       result.response.present() ? py::object(to_bytes(result.response)) : py::object(py::none()),
                       replaced_utf8(result.request_id), replaced_utf8(result.model)});
}

py::list completed(Core& core) {
  py::list all;
  for (CompletionQueue::Item& item : core.completions.take()) all.append(to_completed(item));
  return all;
}

TimePoint deadline_after(TimePoint now, std::optional<double> timeout_s) {
  // Beyond a year is as good as never, and would overflow.
  constexpr double kLongest = 365.0 * 24 * 3600;
  if (!timeout_s || !(*timeout_s < kLongest)) return kNever;
  return now + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::max(*timeout_s, 0.0)));
}

InferCall infer(Core& core, Protocol protocol, const py::bytes& request, std::optional<double> timeout_s,
                const py::object& token) {
  const TimePoint received = core.clock.now();
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (PyBytes_AsStringAndSize(request.ptr(), &data, &size) != 0) throw py::error_already_set();
  auto completion =
      std::make_unique<QueuedCompletion>(core.completions, token.inc_ref().ptr(), request.inc_ref().ptr());
  py::gil_scoped_release release;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), static_cast<std::size_t>(size));
  return core.service.infer(protocol, bytes, received, deadline_after(received, timeout_s), std::move(completion));
}

// Versions that serve map to their runtime, others to the reason.
using PythonVersions = std::map<std::int64_t, std::variant<RuntimeHolder*, std::string>>;

void publish(Core& core, const std::string& model, const PythonVersions& versions, std::int64_t default_version) {
  ModelTable::Versions table;
  for (const auto& [number, version] : versions) {
    if (const auto* runtime = std::get_if<RuntimeHolder*>(&version)) {
      table[number] = {(*runtime)->runtime, ""};
    } else {
      table[number] = {nullptr, std::get<std::string>(version)};
    }
  }
  if (default_version != 0 && (!table.contains(default_version) || table[default_version].runtime == nullptr)) {
    throw py::value_error(concat("default_version ", default_version, " does not serve"));
  }
  py::gil_scoped_release release;
  core.models.publish(model, std::move(table), default_version);
}

}  // namespace

void bind_core(py::module_& module) {
  py::native_enum<Protocol>(module, "Protocol", "enum.Enum")
      .value("PREDICT", Protocol::kPredict)
      .value("PREDICT_STREAM", Protocol::kPredictStream)
      .value("MODEL_INFER", Protocol::kModelInfer)
      .value("MODEL_STREAM_INFER", Protocol::kModelStreamInfer)
      .finalize();

  py::class_<InferCall>(module, "InferCall")
      .def("cancel", &InferCall::cancel, py::call_guard<py::gil_scoped_release>());

  py::class_<Completed>(module, "Completed")
      .def_readonly("code", &Completed::code)
      .def_readonly("message", &Completed::message)
      .def_readonly("response", &Completed::response)
      .def_readonly("request_id", &Completed::request_id)
      .def_readonly("model", &Completed::model);

  py::class_<BufferPoolStats>(module, "BufferPoolStats")
      .def_readonly("used_bytes", &BufferPoolStats::used_bytes)
      .def_readonly("idle_bytes", &BufferPoolStats::idle_bytes)
      .def_readonly("reused", &BufferPoolStats::reused)
      .def_readonly("allocated", &BufferPoolStats::allocated)
      .def_readonly("refused", &BufferPoolStats::refused);

  py::class_<Core>(module, "Core")
      .def(py::init([](std::size_t max_request_memory_bytes, std::size_t max_idle_memory_bytes,
                       std::size_t max_pinned_memory_bytes, bool allow_client_shm) {
             cuda::PinnedLimits pinned;
             pinned.max_bytes = max_pinned_memory_bytes;
             return std::make_unique<Core>(BufferPoolLimits{max_request_memory_bytes, max_idle_memory_bytes}, pinned,
                                           allow_client_shm);
           }),
           py::kw_only(), py::arg("max_request_memory_bytes") = BufferPoolLimits().max_bytes,
           py::arg("max_idle_memory_bytes") = BufferPoolLimits().max_idle_bytes,
           py::arg("max_pinned_memory_bytes") = cuda::PinnedLimits().max_bytes, py::arg("allow_client_shm") = false)
      .def_property_readonly(
          "regions", [](const Core& core) { return core.regions.get(); }, py::return_value_policy::reference_internal)
      .def("publish", &publish, py::arg("model"), py::arg("versions"), py::arg("default_version"))
      .def(
          "remove", [](Core& core, const std::string& model) { core.models.remove(model); },
          py::call_guard<py::gil_scoped_release>())
      .def(
          "set_ready", [](Core& core, bool ready) { core.state.set_ready(ready); }, py::arg("ready"))
      .def("close", [](Core& core, std::string reason) { core.models.close(std::move(reason)); })
      .def("infer", &infer, py::arg("protocol"), py::arg("request"), py::arg("timeout_s"), py::arg("token"))
      .def("fileno", [](const Core& core) { return core.completions.fd(); })
      .def("completed", &completed)
      .def("buffer_pool_stats", [](const Core& core) { return core.pool->stats(); });
}

}  // namespace pyserver
