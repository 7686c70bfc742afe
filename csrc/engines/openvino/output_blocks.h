// OutputBlocks: the memory that one inference request of OpenVINO writes its outputs into, where their shapes are
// fixed: answers are sent from it while the request goes on in another block.
//
// Outputs of free shapes stay in OpenVINO's own memory, which the next inference writes over: given a block, it would
// copy into it.
// Not thread-safe, but for what share() gives out.
#pragma once

#include <memory>
#include <vector>

#include "openvino/runtime/compiled_model.hpp"

namespace pyserver {

class OutputBlocks {
 public:
  // How many blocks there may be; one of them is always the request's. Where readers are so slow that all others wait
  // for them, answers are copied: memory stays bounded.
  static constexpr std::size_t kMaxBlocks = 8;

  // May throw what OpenVINO throws.
  OutputBlocks(const ov::CompiledModel& model, ov::InferRequest& request);

  // Before an inference: takes the request to a block that nobody reads. May throw what OpenVINO throws.
  void prepare(ov::InferRequest& request);
  // After an inference: keeps its outputs as they are. Null where they cannot be kept.
  std::shared_ptr<const void> share();

 private:
  using Block = std::vector<ov::Tensor>;  // one an output

  bool fixed_;
  std::vector<std::shared_ptr<Block>> blocks_;
  std::size_t current_ = 0;
};

}  // namespace pyserver
