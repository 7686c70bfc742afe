// openvino: runs what OpenVINO reads (ONNX, OpenVINO IR, TensorFlow SavedModel and frozen graph, TFLite, Paddle) on the
// CPU.
//
// Two compiled forms of the model share the CPU in turn (see batching/instance_plan.h): one instance that uses all
// threads, for a lone request, and one instance a stream, for many.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inference/engine.h"

namespace pyserver {

enum class InstancePlan {
  kAdaptive,    // both forms; the batcher chooses by load
  kLatency,     // one instance, all threads
  kThroughput,  // one instance a stream
};

struct OpenVinoOptions {
  int threads = 1;  // the CPU budget of this model
  // 0: as many streams as OpenVINO recommends. More: `instances` streams and no wide instance.
  int instances = 0;
  InstancePlan plan = InstancePlan::kAdaptive;
  // f32 computes as the model was trained; bf16 and f16 trade accuracy for speed. OpenVINO's own default would choose
  // bf16 on some processors without a word.
  std::string precision = "f32";
  std::optional<bool> pinning;  // nothing: OpenVINO decides
  std::string cache_folder;     // compiled models are kept there; empty: nowhere
  // OpenVINO's own properties, such as {"CPU_DENORMALS_OPTIMIZATION", "YES"}.
  std::vector<std::pair<std::string, std::string>> properties;
};

// What the caller's configuration says of the model; what it leaves open is completed from the model.
struct ModelOverrides {
  // Nothing: kDefaultMaxBatchSize where the model proves to batch, by its shapes and by a few rows executed together
  // and alone; 0 otherwise. A number is taken at its word: only the shapes are proved.
  // > 0 for a model whose first dimensions are fixed to 1: the model is reshaped, or the load fails.
  std::optional<std::int64_t> max_batch_size;
  // Each names a tensor of the model. Its shape must fit the model's; free dimensions may be fixed.
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
};

inline constexpr std::int64_t kDefaultMaxBatchSize = 32;

// INVALID_ARGUMENT: the file cannot be read, or the overrides do not fit the model. The message names the file.
Result<std::unique_ptr<Engine>> make_openvino_engine(const std::string& path, const ModelOverrides& overrides,
                                                     const OpenVinoOptions& options);

// What the model's files say: nothing is compiled, so max_batch_size is as the shapes alone have it.
Result<ModelSignature> inspect_openvino_model(const std::string& path);

// Such as "2026.4.1-…". UNIMPLEMENTED, like all of the above, where the core was built without OpenVINO.
Result<std::string> openvino_version();

}  // namespace pyserver
