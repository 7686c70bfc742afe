#include <map>

#include "base/text.h"
#include "engines/identity/identity_engine.h"
#include "engines/openvino/openvino_engine.h"
#include "python/bindings.h"

namespace py = pybind11;

namespace pyserver {
namespace {

TensorSpec make_tensor_spec(std::string name, const std::string& datatype, const std::vector<std::int64_t>& shape,
                            bool optional) {
  return {std::move(name), to_datatype(datatype), to_shape(shape), optional};
}

InstancePlan plan_from_name(const std::string& name) {
  if (name == "adaptive") return InstancePlan::kAdaptive;
  if (name == "latency") return InstancePlan::kLatency;
  if (name == "throughput") return InstancePlan::kThroughput;
  throw py::value_error(concat("plan: expected adaptive, latency or throughput, got ", quoted(name)));
}

EngineHolder identity_engine(std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs,
                             std::int64_t max_batch_size, std::int64_t delay_us, int instances) {
  ModelSignature signature{std::move(inputs), std::move(outputs), max_batch_size};
  const IdentityOptions options{std::chrono::microseconds(delay_us), instances};
  return {value_or_throw(make_identity_engine(std::move(signature), options, std::make_shared<SteadyClock>()))};
}

EngineHolder openvino_engine(const std::string& path, int threads, std::optional<std::int64_t> max_batch_size,
                             std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs, int instances,
                             const std::string& plan, std::string precision, std::optional<bool> pinning,
                             std::string cache_folder, const std::map<std::string, std::string>& properties) {
  const ModelOverrides overrides{max_batch_size, std::move(inputs), std::move(outputs)};
  OpenVinoOptions options;
  options.threads = threads;
  options.instances = instances;
  options.plan = plan_from_name(plan);
  options.precision = std::move(precision);
  options.pinning = pinning;
  options.cache_folder = std::move(cache_folder);
  options.properties.assign(properties.begin(), properties.end());
  py::gil_scoped_release release;
  return {value_or_throw(make_openvino_engine(path, overrides, options))};
}

}  // namespace

const Engine& EngineHolder::get() const {
  if (engine == nullptr) throw py::value_error("this engine belongs to a ModelRuntime already");
  return *engine;
}

Datatype to_datatype(const std::string& name) {
  const auto known = datatype_from_name(name);
  if (!known) throw py::value_error(concat("unknown datatype ", quoted(name)));
  return *known;
}

py::tuple to_tuple(const Shape& shape) {
  py::tuple tuple(shape.rank());
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) tuple[axis] = shape[axis];
  return tuple;
}

Shape to_shape(const std::vector<std::int64_t>& dimensions) {
  if (dimensions.size() > Shape::kMaxRank) {
    throw py::value_error(concat("expected at most ", Shape::kMaxRank, " dimensions, got ", dimensions.size()));
  }
  return Shape(dimensions);
}

void bind_engines(py::module_& module) {
  py::class_<TensorSpec>(module, "TensorSpec")
      .def(py::init(&make_tensor_spec), py::arg("name"), py::arg("datatype"), py::arg("shape"), py::kw_only(),
           py::arg("optional") = false)
      .def_readonly("name", &TensorSpec::name)
      .def_property_readonly("datatype", [](const TensorSpec& spec) { return name_of(spec.datatype); })
      .def_property_readonly("shape", [](const TensorSpec& spec) { return to_tuple(spec.shape); })
      .def_readonly("optional", &TensorSpec::optional);

  py::class_<ModelSignature>(module, "ModelSignature")
      .def(py::init<std::vector<TensorSpec>, std::vector<TensorSpec>, std::int64_t>(), py::arg("inputs"),
           py::arg("outputs"), py::arg("max_batch_size"))
      .def_readonly("inputs", &ModelSignature::inputs)
      .def_readonly("outputs", &ModelSignature::outputs)
      .def_readonly("max_batch_size", &ModelSignature::max_batch_size);

  py::class_<InstanceGroup>(module, "InstanceGroup")
      .def_readonly("count", &InstanceGroup::count)
      .def_readonly("threads", &InstanceGroup::threads);

  py::class_<EngineHolder>(module, "Engine")
      .def_property_readonly("name", [](const EngineHolder& holder) { return holder.get().name(); })
      .def_property_readonly("device", [](const EngineHolder& holder) { return holder.get().device(); })
      .def_property_readonly("signature", [](const EngineHolder& holder) { return holder.get().signature(); })
      .def_property_readonly("instance_groups",
                             [](const EngineHolder& holder) { return holder.get().instance_groups(); });

  module.attr("DEFAULT_MAX_BATCH_SIZE") = kDefaultMaxBatchSize;
  module.def("identity_engine", &identity_engine, py::kw_only(), py::arg("inputs"), py::arg("outputs"),
             py::arg("max_batch_size"), py::arg("delay_us") = 0, py::arg("instances") = 1);
  module.def("openvino_engine", &openvino_engine, py::arg("path"), py::kw_only(), py::arg("threads"),
             py::arg("max_batch_size") = std::nullopt, py::arg("inputs") = std::vector<TensorSpec>{},
             py::arg("outputs") = std::vector<TensorSpec>{}, py::arg("instances") = 0, py::arg("plan") = "adaptive",
             py::arg("precision") = "f32", py::arg("pinning") = std::nullopt, py::arg("cache_folder") = "",
             py::arg("properties") = std::map<std::string, std::string>{});
  module.def("inspect_openvino_model", [](const std::string& path) {
    py::gil_scoped_release release;
    return value_or_throw(inspect_openvino_model(path));
  });
  module.def("openvino_version", [] { return value_or_throw(openvino_version()); });
}

}  // namespace pyserver
