// OutputBlock: the host memory that the outputs of one lane's batch are copied to: one block of the core's pool for all
// of them, so page-locked where the pool's memory is. Answers are sent from it.
//
// Not thread-safe, but for what share() gives out.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "memory/buffer_pool.h"

namespace pyserver {

class OutputBlock {
 public:
  explicit OutputBlock(std::shared_ptr<BufferPool> pool) : pool_(std::move(pool)) {}

  // Room for outputs of these sizes, each at the beginning of a cache line; of the block before, unless somebody still
  // reads it. RESOURCE_EXHAUSTED where the pool has no memory.
  Status reserve(std::span<const std::size_t> sizes);
  std::span<std::byte> room(std::size_t output) noexcept { return rooms_[output]; }

  // Keeps the block as it is for as long as anyone holds what is returned.
  std::shared_ptr<const void> share() const noexcept { return block_; }

 private:
  const std::shared_ptr<BufferPool> pool_;
  std::shared_ptr<Buffer> block_;
  std::vector<std::span<std::byte>> rooms_;
};

}  // namespace pyserver
