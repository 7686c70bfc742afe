// An engine whose batches someone else's function executes: Python's, say, of which nothing is known here.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "inference/engine.h"

namespace pyserver {

// Executes the batches of one instance. Used by one thread at a time, but for counters(), which any may call.
class BatchFunction {
 public:
  virtual ~BatchFunction() = default;

  // As EngineInstance says of its own: what comes in is checked, what goes out is checked by the caller, and is as it
  // is until the next call.
  virtual Status execute(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) = 0;
  virtual std::shared_ptr<const void> share_outputs() = 0;

  // All functions of an engine count the same, in the same order: the engine tells their sums.
  virtual std::vector<EngineCounter> counters() const { return {}; }
};

struct FunctionEngineOptions {
  std::string name;      // such as "onnxruntime"
  std::string device;    // such as "CPU"
  int threads_each = 0;  // CPU threads that a call keeps busy; 0: not known
};

// One function for each instance. Calls of different ones may overlap; one is never called on a thread that decodes,
// since nobody knows how long it takes. INVALID_ARGUMENT without functions.
Result<std::unique_ptr<Engine>> make_function_engine(FunctionEngineOptions options, ModelSignature signature,
                                                     std::vector<std::unique_ptr<BatchFunction>> functions);

}  // namespace pyserver
