#include <algorithm>
#include <map>

#include "python/bindings.h"
#include "python/core.h"

namespace py = pybind11;

namespace pyserver {
namespace {

BatchSettings make_batch_settings(std::int64_t max_queue_delay_us, std::vector<std::int64_t> preferred_batch_sizes,
                                  std::size_t max_queue_size, std::uint32_t priority_levels,
                                  std::int64_t default_timeout_us) {
  BatchSettings settings;
  settings.max_queue_delay = std::chrono::microseconds(max_queue_delay_us);
  settings.preferred_batch_sizes = std::move(preferred_batch_sizes);
  settings.max_queue_size = max_queue_size;
  settings.priority_levels = priority_levels;
  settings.default_timeout = std::chrono::microseconds(default_timeout_us);
  return settings;
}

std::int64_t in_microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

std::unique_ptr<RuntimeHolder> make_runtime(Core& core, std::string model, std::int64_t version, EngineHolder& engine,
                                            const BatchSettings& settings, ProcessingHolder* processing) {
  engine.get();  // throws where it is taken
  if (processing != nullptr) processing->get();
  return std::make_unique<RuntimeHolder>(
      std::make_shared<ModelRuntime>(std::move(model), version, std::move(engine.engine), settings, core.pool,
                                     core.clock, processing == nullptr ? nullptr : std::move(processing->processing)));
}

bool stop(RuntimeHolder& holder, double patience_s) {
  const auto patience = std::chrono::duration<double>(std::max(patience_s, 0.0));
  return holder.runtime->stop(std::chrono::duration_cast<std::chrono::milliseconds>(patience));
}

// (the client's name, the model's name, the ops) of every tensor that is processed.
using Chains = std::vector<std::tuple<std::string, std::string, std::vector<std::string>>>;

// Where the chains' order is that of execution: what the engine does comes after what is done before it, and before
// what is done after it.
void add_engine_ops(Chains& chains, const std::vector<EngineOps>& told, bool before_model) {
  for (const EngineOps& engine : told) {
    std::vector<std::string> ops;
    for (const std::string& op : engine.ops) ops.push_back(op + " (on the GPU)");
    const auto same =
        std::ranges::find_if(chains, [&](const auto& chain) { return std::get<1>(chain) == engine.model; });
    if (same == chains.end()) {
      chains.emplace_back(engine.client, engine.model, std::move(ops));
      continue;
    }
    std::vector<std::string>& all = std::get<2>(*same);
    all.insert(before_model ? all.end() : all.begin(), ops.begin(), ops.end());
  }
}

Chains preprocessing(const RuntimeHolder& holder) {
  Chains chains;
  if (const Processing* processing = holder.runtime->processing()) {
    for (const MadeInput& made : processing->made_inputs()) {
      chains.emplace_back(processing->client().inputs[made.client].name, processing->model().inputs[made.model].name,
                          made.chain.op_names());
    }
    for (const MadeTexts& made : processing->made_texts()) {
      for (const MadeTexts::Target& target : made.targets) {
        chains.emplace_back(made.name, processing->model().inputs[target.model].name,
                            std::vector<std::string>{"tokenize"});
      }
    }
    add_engine_ops(chains, processing->told_inputs(), true);
  }
  return chains;
}

Chains postprocessing(const RuntimeHolder& holder) {
  Chains chains;
  if (const Processing* processing = holder.runtime->processing()) {
    for (const MadeOutput& made : processing->made_outputs()) {
      const std::string& name = processing->model().outputs[made.index].name;
      chains.emplace_back(name, name, made.chain.op_names());
    }
    add_engine_ops(chains, processing->told_outputs(), false);
  }
  return chains;
}

std::map<std::string, std::uint64_t> engine_counters(const RuntimeHolder& holder) {
  std::map<std::string, std::uint64_t> counters;
  for (const EngineCounter& counter : holder.runtime->engine().counters()) counters[counter.name] = counter.value;
  return counters;
}

}  // namespace

RuntimeHolder::~RuntimeHolder() {
  // Python destroys objects with the GIL held; the instances' threads do not need it, but others may meanwhile.
  py::gil_scoped_release release;
  runtime->stop(std::chrono::milliseconds(0));
  runtime.reset();
}

void bind_runtime(py::module_& module) {
  py::class_<BatchSettings>(module, "BatchSettings")
      .def(py::init(&make_batch_settings), py::kw_only(), py::arg("max_queue_delay_us") = 0,
           py::arg("preferred_batch_sizes") = std::vector<std::int64_t>{},
           py::arg("max_queue_size") = BatchSettings().max_queue_size,
           py::arg("priority_levels") = BatchSettings().priority_levels, py::arg("default_timeout_us") = 0)
      .def_property_readonly("max_queue_delay_us",
                             [](const BatchSettings& settings) { return in_microseconds(settings.max_queue_delay); })
      .def_readonly("preferred_batch_sizes", &BatchSettings::preferred_batch_sizes)
      .def_readonly("max_queue_size", &BatchSettings::max_queue_size)
      .def_readonly("priority_levels", &BatchSettings::priority_levels)
      .def_property_readonly("default_timeout_us",
                             [](const BatchSettings& settings) { return in_microseconds(settings.default_timeout); });

  using Runtime = RuntimeHolder;
  py::class_<Runtime>(module, "ModelRuntime")
      // The core's pool and clock serve the runtime as long as it lives; so does the memory that the engine was made
      // with.
      .def(py::init(&make_runtime), py::keep_alive<1, 2>(), py::keep_alive<1, 5>(), py::arg("core"), py::arg("model"),
           py::arg("version"), py::arg("engine"), py::arg("settings"), py::arg("processing") = py::none())
      .def(
          "warm_up", [](Runtime& self, std::int64_t rows) { throw_unless_ok(self.runtime->warm_up(rows)); },
          py::arg("rows"), py::call_guard<py::gil_scoped_release>())
      .def(
          "start", [](Runtime& self) { throw_unless_ok(self.runtime->start()); },
          py::call_guard<py::gil_scoped_release>())
      .def("stop", &stop, py::arg("patience_s"), py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("model", [](const Runtime& self) { return self.runtime->model(); })
      .def_property_readonly("version", [](const Runtime& self) { return self.runtime->version(); })
      .def_property_readonly("engine", [](const Runtime& self) { return self.runtime->engine().name(); })
      .def_property_readonly("device", [](const Runtime& self) { return self.runtime->engine().device(); })
      .def_property_readonly("signature", [](const Runtime& self) { return self.runtime->signature(); })
      .def_property_readonly("model_signature", [](const Runtime& self) { return self.runtime->engine().signature(); })
      .def_property_readonly("preprocessing", &preprocessing)
      .def_property_readonly("postprocessing", &postprocessing)
      .def_property_readonly("instance_groups",
                             [](const Runtime& self) { return self.runtime->engine().instance_groups(); })
      .def_property_readonly("batch_settings", [](const Runtime& self) { return self.runtime->batch_settings(); })
      .def_property_readonly("queue_depth", [](const Runtime& self) { return self.runtime->queue_depth(); })
      .def("engine_counters", &engine_counters)
      .def("metrics", [](const Runtime& self) { return self.runtime->metrics().snapshot(); });
}

}  // namespace pyserver
