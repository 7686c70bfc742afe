#include "engines/openvino/compilation.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "engines/openvino/error_text.h"
#include "openvino/runtime/properties.hpp"

namespace pyserver {
namespace {

constexpr const char* kDevice = "CPU";

// Properties that have an option of their own: given twice, one would silently win.
constexpr std::pair<std::string_view, std::string_view> kOwnOptions[] = {
    {"INFERENCE_NUM_THREADS", "threads"},      {"NUM_STREAMS", "instances"},      {"PERFORMANCE_HINT", "plan"},
    {"INFERENCE_PRECISION_HINT", "precision"}, {"ENABLE_CPU_PINNING", "pinning"}, {"CACHE_DIR", "cache_folder"},
};

Result<ov::element::Type> precision_of(const std::string& name) {
  if (name == "f32") return ov::element::f32;
  if (name == "bf16") return ov::element::bf16;
  if (name == "f16") return ov::element::f16;
  return invalid_argument(concat("precision must be 'f32', 'bf16' or 'f16', got ", pyserver::quoted(name)));
}

Result<ov::AnyMap> common_properties(const OpenVinoOptions& options) {
  auto precision = precision_of(options.precision);
  if (!precision.ok()) return std::move(precision).status();
  // ACCURACY keeps OpenVINO from quantizing activations on its own.
  const auto mode =
      *precision == ov::element::f32 ? ov::hint::ExecutionMode::ACCURACY : ov::hint::ExecutionMode::PERFORMANCE;
  ov::AnyMap properties{ov::hint::execution_mode(mode), ov::hint::inference_precision(*precision),
                        ov::inference_num_threads(options.threads)};
  if (options.pinning) properties.insert(ov::hint::enable_cpu_pinning(*options.pinning));
  if (!options.cache_folder.empty()) properties.insert(ov::cache_dir(options.cache_folder));
  for (const auto& [name, value] : options.properties) {
    for (const auto& [property, option] : kOwnOptions) {
      if (name == property) return invalid_argument(concat("property ", name, " is set by the option '", option, "'"));
    }
    properties[name] = value;
  }
  return properties;
}

CompiledForm compile_wide(ov::Core& core, const std::shared_ptr<ov::Model>& model, ov::AnyMap properties, int threads) {
  properties.insert(ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY));
  properties.insert(ov::num_streams(1));
  return {core.compile_model(model, kDevice, properties), {.count = 1, .threads = threads}};
}

// `instances` 0: as many streams as OpenVINO recommends for this model and this budget.
CompiledForm compile_narrow(ov::Core& core, const std::shared_ptr<ov::Model>& model, ov::AnyMap properties, int threads,
                            int instances) {
  properties.insert(ov::hint::performance_mode(ov::hint::PerformanceMode::THROUGHPUT));
  if (instances > 0) properties.insert(ov::num_streams(instances));
  ov::CompiledModel compiled = core.compile_model(model, kDevice, properties);
  const int streams = instances > 0 ? instances : compiled.get_property(ov::num_streams).num;
  const int count = std::clamp(streams, 1, threads);
  return {std::move(compiled), {.count = count, .threads = threads / count}};
}

Status check(const OpenVinoOptions& options) {
  if (options.threads < 1) return invalid_argument(concat("threads must be at least 1, got ", options.threads));
  if (options.instances < 0) {
    return invalid_argument(concat("instances must not be negative, got ", options.instances));
  }
  if (options.instances > options.threads) {
    return invalid_argument(concat("each instance needs a thread of its own: instances is ", options.instances,
                                   ", but threads is ", options.threads));
  }
  return {};
}

}  // namespace

Result<std::vector<CompiledForm>> compile_forms(ov::Core& core, const std::shared_ptr<ov::Model>& model,
                                                const OpenVinoOptions& options) {
  PYSERVER_RETURN_IF_ERROR(check(options));
  const auto properties = common_properties(options);
  if (!properties.ok()) return properties.status();
  std::vector<CompiledForm> forms;
  try {
    if (options.instances > 0) {
      forms.push_back(compile_narrow(core, model, *properties, options.threads, options.instances));
      return forms;
    }
    if (options.plan != InstancePlan::kThroughput) {
      forms.push_back(compile_wide(core, model, *properties, options.threads));
    }
    // With one thread the two forms would be the same.
    const bool narrow =
        options.plan == InstancePlan::kThroughput || (options.plan == InstancePlan::kAdaptive && options.threads > 1);
    if (narrow) {
      CompiledForm form = compile_narrow(core, model, *properties, options.threads, 0);
      if (forms.empty() || form.group.count > 1) forms.push_back(std::move(form));
    }
    return forms;
  } catch (const std::exception& exception) {
    return invalid_argument(concat("OpenVINO cannot compile it: ", condensed(exception)));
  }
}

}  // namespace pyserver
