#include <map>
#include <optional>

#include "base/text.h"
#include "engines/cuda_graph/cuda_graph_builder.h"
#include "python/bindings.h"
#include "python/core.h"
#include "python/cuda_device.h"
#include "python/device_chain.h"
#include "python/exit_gate.h"
#include "python/python_calls.h"

namespace py = pybind11;

namespace pyserver {
namespace {

using PythonShapes = std::map<std::string, std::vector<std::int64_t>>;

// pyserver._core.CudaLane: what a loader needs to know of a lane. It knows nothing of the builder, so that a function
// that uses it and is kept by the builder makes no cycle.
struct LaneView {
  std::size_t number = 0;  // among all lanes of the builder
  int instance = 0;
  int index = 0;
  std::shared_ptr<InstanceStreams> streams;
  std::map<std::string, CUdeviceptr> inputs, outputs;
};

// pyserver._core.CudaGraphEngineBuilder: until it is spent.
struct BuilderHolder {
  CudaGraphBuilder builder;
  std::shared_ptr<const ExitGate> gate;  // of the functions that lanes call

  CudaGraphBuilder& get() {
    if (!builder.usable()) throw py::value_error("this builder has built its engine already");
    return builder;
  }
};

// While it lives, Python's collector frees nothing: on a thread that captures, giving memory of the GPU back is an
// error that ends the capture.
class NothingIsCollected {
 public:
  NothingIsCollected() : was_on_(PyGC_Disable() != 0) {}
  ~NothingIsCollected() {
    if (was_on_) PyGC_Enable();
  }
  NothingIsCollected(const NothingIsCollected&) = delete;
  NothingIsCollected& operator=(const NothingIsCollected&) = delete;

 private:
  const bool was_on_;
};

ShapesByName to_shapes(const PythonShapes& given) {
  ShapesByName shapes;
  for (const auto& [name, dimensions] : given) shapes[name] = to_shape(dimensions);
  return shapes;
}

std::unique_ptr<BuilderHolder> make_builder(Core& core, const DeviceHolder& device, std::string engine,
                                            std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs,
                                            std::int64_t max_batch_size, std::vector<std::int64_t> buckets,
                                            std::vector<std::int64_t> preferred,
                                            const std::vector<PythonShapes>& profiles,
                                            const PythonShapes& max_output_shapes, int instances, int lanes,
                                            bool strict_graphs) {
  CudaGraphOptions options;
  options.engine = std::move(engine);
  options.signature = {std::move(inputs), std::move(outputs), max_batch_size};
  options.buckets = std::move(buckets);
  options.preferred = std::move(preferred);
  options.profiles.clear();
  for (const PythonShapes& profile : profiles) options.profiles.push_back(to_shapes(profile));
  options.max_output_shapes = to_shapes(max_output_shapes);
  options.instances = instances;
  options.lanes = lanes;
  options.strict_graphs = strict_graphs;
  auto gate = std::make_shared<const ExitGate>();
  const py::gil_scoped_release release;
  return std::make_unique<BuilderHolder>(BuilderHolder{
      value_or_throw(CudaGraphBuilder::create({device.device, core.pool, &core.allocator}, options)), std::move(gate)});
}

std::vector<LaneView> lanes_of(BuilderHolder& holder) {
  CudaGraphBuilder& builder = holder.get();
  const ModelSignature& signature = builder.model_signature();
  std::vector<LaneView> views;
  for (std::size_t number = 0; number < builder.lane_count(); ++number) {
    const Lane& lane = builder.lane(number);
    LaneView view{number, lane.instance, lane.index, lane.streams, {}, {}};
    for (std::size_t input = 0; input < signature.inputs.size(); ++input) {
      view.inputs[signature.inputs[input].name] = lane.ops.model_input(input);
    }
    for (std::size_t output = 0; output < signature.outputs.size(); ++output) {
      view.outputs[signature.outputs[output].name] = lane.ops.model_output(output);
    }
    views.push_back(std::move(view));
  }
  return views;
}

CUdeviceptr address_of(const std::map<std::string, CUdeviceptr>& addresses, std::string_view kind,
                       const std::string& name) {
  const auto found = addresses.find(name);
  if (found != addresses.end()) return found->second;
  throw StatusException{invalid_argument(concat("the model has no ", kind, " ", quoted(name)))};
}

void record(BuilderHolder& holder, const LaneView& lane, std::int64_t rows, std::size_t profile,
            const py::function& enqueue, const PythonShapes& output_shapes) {
  const NothingIsCollected collector;
  const auto call = [&enqueue]() -> Status {
    try {
      enqueue();
      return {};
    } catch (const py::error_already_set& error) {
      return status_of(error);
    }
  };
  throw_unless_ok(holder.get().record({lane.number, rows, profile}, call, to_shapes(output_shapes), kept(enqueue)));
}

void adopt(BuilderHolder& holder, const LaneView& lane, std::int64_t rows, std::size_t profile, std::uintptr_t graph,
           const PythonShapes& output_shapes, const py::object& owner) {
  throw_unless_ok(holder.get().adopt({lane.number, rows, profile}, reinterpret_cast<CUgraph>(graph),
                                     to_shapes(output_shapes), kept(owner)));
}

Result<ShapesByName> call_uncaptured(const ExitGate& gate, const py::object& enqueue,
                                     const std::vector<TensorSpec>& inputs, std::int64_t rows,
                                     const GraphModel::Shapes& shapes) {
  const GilEntry python(gate);
  if (!python) return unavailable("Python has ended");
  try {
    py::dict by_name;
    for (std::size_t input = 0; input < inputs.size(); ++input) {
      by_name[py::str(inputs[input].name)] = to_tuple(shapes[input]);
    }
    return to_shapes(enqueue(rows, by_name).cast<PythonShapes>());
  } catch (const py::error_already_set& error) {
    return status_of(error);
  } catch (const py::cast_error&) {
    return internal_error("expected a mapping from outputs to their shapes, and the model's function gave none");
  } catch (const std::exception& error) {
    return internal_error(error.what());
  }
}

void run_uncaptured(BuilderHolder& holder, const LaneView& lane, const py::function& enqueue) {
  CudaGraphBuilder& builder = holder.get();
  auto call = [gate = holder.gate, function = kept(enqueue), inputs = builder.model_signature().inputs](
                  std::int64_t rows, const GraphModel::Shapes& shapes) {
    return call_uncaptured(*gate, *function, inputs, rows, shapes);
  };
  throw_unless_ok(builder.run_uncaptured(lane.number, std::move(call)));
}

DeviceChains to_chains(const std::map<std::string, DeviceChainHolder>& holders) {
  DeviceChains chains;
  for (const auto& [name, holder] : holders) chains[name] = holder.chain;
  return chains;
}

EngineHolder build(BuilderHolder& holder) {
  CudaGraphBuilder& builder = holder.get();
  const py::gil_scoped_release release;
  return {value_or_throw(builder.build())};
}

}  // namespace

void bind_cuda_graph(py::module_& module) {
  py::class_<LaneView>(module, "CudaLane")
      .def_readonly("instance", &LaneView::instance)
      .def_readonly("index", &LaneView::index)
      .def_property_readonly(
          "stream", [](const LaneView& lane) { return reinterpret_cast<std::uintptr_t>(lane.streams->compute.get()); })
      .def(
          "input_address",
          [](const LaneView& lane, const std::string& name) { return address_of(lane.inputs, "input", name); },
          py::arg("name"))
      .def(
          "output_address",
          [](const LaneView& lane, const std::string& name) { return address_of(lane.outputs, "output", name); },
          py::arg("name"))
      .def(
          "synchronize", [](const LaneView& lane) { throw_unless_ok(lane.streams->compute.synchronize()); },
          py::call_guard<py::gil_scoped_release>());

  py::class_<BuilderHolder>(module, "CudaGraphEngineBuilder")
      // The core's memory serves the engine as long as it lives.
      .def(py::init(&make_builder), py::keep_alive<1, 2>(), py::arg("core"), py::arg("device"), py::kw_only(),
           py::arg("engine"), py::arg("inputs"), py::arg("outputs"), py::arg("max_batch_size"),
           py::arg("buckets") = std::vector<std::int64_t>{}, py::arg("preferred") = std::vector<std::int64_t>{},
           py::arg("profiles") = std::vector<PythonShapes>{{}}, py::arg("max_output_shapes") = PythonShapes{},
           py::arg("instances") = 1, py::arg("lanes") = 2, py::arg("strict_graphs") = false)
      .def_property_readonly("buckets",
                             [](BuilderHolder& self) {
                               const auto buckets = self.get().model().buckets().buckets();
                               return std::vector<std::int64_t>(buckets.begin(), buckets.end());
                             })
      .def_property_readonly("lanes", &lanes_of)
      .def(
          "set_preprocess",
          [](BuilderHolder& self, const std::map<std::string, DeviceChainHolder>& chains) {
            throw_unless_ok(self.get().set_preprocess(to_chains(chains)));
          },
          py::arg("chains"))
      .def(
          "set_postprocess",
          [](BuilderHolder& self, const std::map<std::string, DeviceChainHolder>& chains) {
            throw_unless_ok(self.get().set_postprocess(to_chains(chains)));
          },
          py::arg("chains"))
      .def("record", &record, py::arg("lane"), py::arg("rows"), py::arg("profile"), py::arg("enqueue"),
           py::arg("output_shapes") = PythonShapes{})
      .def("adopt", &adopt, py::arg("lane"), py::arg("rows"), py::arg("profile"), py::arg("graph"),
           py::arg("output_shapes") = PythonShapes{}, py::arg("owner") = py::none())
      .def("run_uncaptured", &run_uncaptured, py::arg("lane"), py::arg("enqueue"))
      .def("build", &build, py::keep_alive<0, 1>());
}

}  // namespace pyserver
