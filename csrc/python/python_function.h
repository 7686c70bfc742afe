// A Python callable that executes the batches of a function engine.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <vector>

#include "engines/function/function_engine.h"
#include "metrics/counter.h"
#include "python/held_references.h"

namespace pyserver {

// Takes the GIL once a batch. The callable gets a list with an array for each input (None for an optional one that is
// absent), and gives a sequence with an array for each output, whose contents it must not change afterwards.
//
// The inputs' arrays show the tensors' own memory: the callable must have let go of them when it returns, or the batch
// fails. Exceptions are INTERNAL, `Type: message`, with their traceback in the log; MemoryError is RESOURCE_EXHAUSTED.
// Once Python has ended every batch is UNAVAILABLE.
class PythonFunction final : public BatchFunction {
 public:
  // Needs the GIL.
  PythonFunction(pybind11::object callable, const ModelSignature& signature);
  ~PythonFunction() override;

  Status execute(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) override;
  std::shared_ptr<const void> share_outputs() override { return outputs_; }
  // gil_batches: batches that were executed with the GIL. copied_outputs: arrays that did not lie as answers must.
  std::vector<EngineCounter> counters() const override;

 private:
  struct InputArray {
    const TensorSpec* spec;
    pybind11::array array;
  };

  Status call(std::span<const TensorView> inputs, std::vector<InputArray>& arrays, std::vector<TensorView>& outputs);
  Status take_outputs(const pybind11::object& given, std::span<const TensorView> inputs,
                      std::vector<TensorView>& outputs);

  const ModelSignature signature_;
  const std::shared_ptr<ReferenceBin> bin_ = std::make_shared<ReferenceBin>();
  pybind11::object callable_;
  std::shared_ptr<HeldReferences> outputs_;  // of the last batch
  Counter gil_batches_;
  Counter copied_outputs_;
};

}  // namespace pyserver
