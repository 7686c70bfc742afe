#include "engines/openvino/output_blocks.h"

#include <algorithm>
#include <atomic>

namespace pyserver {
namespace {

// Nobody but us lends blocks, so that one that is free stays free.
bool is_lent(const std::shared_ptr<std::vector<ov::Tensor>>& block) noexcept {
  if (block.use_count() > 1) return true;
  // What the last reader read comes before what is written next.
  std::atomic_thread_fence(std::memory_order_acquire);
  return false;
}

}  // namespace

OutputBlocks::OutputBlocks(const ov::CompiledModel& model, ov::InferRequest& request)
    : fixed_(std::ranges::all_of(model.outputs(), [](const auto& output) {
        return output.get_partial_shape().is_static() && output.get_element_type() != ov::element::string;
      })) {
  if (!fixed_) return;
  Block first;
  for (std::size_t index = 0; index < model.outputs().size(); ++index) {
    first.push_back(request.get_output_tensor(index));
  }
  blocks_.push_back(std::make_shared<Block>(std::move(first)));
}

void OutputBlocks::prepare(ov::InferRequest& request) {
  if (!fixed_ || !is_lent(blocks_[current_])) return;
  const auto free = std::ranges::find_if(blocks_, [](const auto& block) { return !is_lent(block); });
  if (free == blocks_.end()) {
    Block block;
    for (const ov::Tensor& output : *blocks_.front()) block.emplace_back(output.get_element_type(), output.get_shape());
    blocks_.push_back(std::make_shared<Block>(std::move(block)));
    current_ = blocks_.size() - 1;
  } else {
    current_ = static_cast<std::size_t>(free - blocks_.begin());
  }
  const Block& block = *blocks_[current_];
  for (std::size_t index = 0; index < block.size(); ++index) request.set_output_tensor(index, block[index]);
}

std::shared_ptr<const void> OutputBlocks::share() {
  if (!fixed_) return nullptr;
  const auto others_lent = std::ranges::count_if(blocks_, [](const auto& block) { return is_lent(block); });
  if (static_cast<std::size_t>(others_lent) + 1 >= kMaxBlocks) return nullptr;
  return blocks_[current_];
}

}  // namespace pyserver
