#include "engines/cuda_graph/output_block.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "memory/reserve.h"

namespace pyserver {
namespace {

std::size_t on_lines(std::size_t bytes) noexcept {
  return (bytes + kBlockAlignment - 1) / kBlockAlignment * kBlockAlignment;
}

}  // namespace

Status OutputBlock::reserve(std::span<const std::size_t> sizes) {
  std::size_t bytes = 0;
  for (const std::size_t size : sizes) bytes += on_lines(size);
  // Nobody but this lends the block, so one that is free stays free.
  if (block_ == nullptr || block_.use_count() > 1) block_ = std::make_shared<Buffer>();
  // What the last reader read comes before what is written next.
  std::atomic_thread_fence(std::memory_order_acquire);
  const auto space = pyserver::reserve(*pool_, *block_, std::max<std::size_t>(1, bytes));
  if (!space.ok()) return space.status();
  rooms_.clear();
  std::size_t at = 0;
  for (const std::size_t size : sizes) {
    rooms_.push_back(space->subspan(at, size));
    at += on_lines(size);
  }
  return {};
}

}  // namespace pyserver
