// One inference request of a compiled model, as an engine instance.
#pragma once

#include <vector>

#include "engines/openvino/output_blocks.h"
#include "engines/openvino/shape_guard.h"
#include "inference/engine.h"
#include "openvino/runtime/compiled_model.hpp"

namespace pyserver {

class OpenVinoInstance final : public EngineInstance {
 public:
  // `signature` and `guard` must outlive the instance. `threads` are those of the compiled model, all its streams
  // together. May throw what OpenVINO throws.
  OpenVinoInstance(ov::CompiledModel& model, int threads, const ModelSignature& signature, ShapeGuard& guard);

  // Inputs are read where they lie, outputs are OpenVINO's own tensors. Every execution stands alone: the variables of
  // a model with state begin anew. INVALID_ARGUMENT for a batch without rows and for shapes that do not go together,
  // INTERNAL where OpenVINO fails.
  Status execute(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) override;
  std::shared_ptr<const void> share_outputs() override { return output_blocks_.share(); }

 private:
  void infer();
  void set_input(std::size_t index, const TensorView& input);
  TensorView output(std::size_t index);

  const ModelSignature& signature_;
  ShapeGuard& guard_;
  const bool in_callers_thread_;
  std::vector<ov::element::Type> input_types_;
  std::vector<ov::Shape> input_shapes_;  // of the last execution: kept for their memory
  ov::InferRequest request_;
  OutputBlocks output_blocks_;
  bool has_state_ = false;
};

}  // namespace pyserver
