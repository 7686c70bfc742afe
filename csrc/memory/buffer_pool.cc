#include "memory/buffer_pool.h"

#include <bit>

#include "base/text.h"

namespace pyserver {
namespace {

// The exponent of the smallest power of two that holds `size` bytes.
int exponent_for(std::size_t size) { return size <= 1 ? 0 : std::bit_width(size - 1); }

}  // namespace

Buffer::~Buffer() {
  if (block_ != nullptr) pool_->give_back(block_, capacity_, generation_);
}

void Buffer::align_end(std::size_t size) noexcept {
  begin_ = (kBlockAlignment - size % kBlockAlignment) % kBlockAlignment;
  size_ = size;
}

std::shared_ptr<BufferPool> BufferPool::create(Allocator& allocator, BufferPoolLimits limits) {
  return std::shared_ptr<BufferPool>(new BufferPool(allocator, limits));
}

BufferPool::~BufferPool() { drop_idle(); }

Result<Buffer> BufferPool::take(std::size_t size) {
  const int exponent = std::max(exponent_for(size), kSmallestClass);
  const bool recycled = exponent <= kLargestClass;
  const std::size_t capacity = recycled ? std::size_t{1} << exponent : size;
  std::uint64_t generation = 0;
  {
    std::lock_guard lock(mutex_);
    if (capacity > limits_.max_bytes - stats_.used_bytes) {
      ++stats_.refused;
      return resource_exhausted(concat("the server's memory for requests is used up: ", size, " bytes wanted, ",
                                       stats_.used_bytes, " of ", limits_.max_bytes, " in use"));
    }
    stats_.used_bytes += capacity;
    generation = generation_;
    if (recycled && !idle_[exponent - kSmallestClass].empty()) {
      auto& blocks = idle_[exponent - kSmallestClass];
      std::byte* block = blocks.back();
      blocks.pop_back();
      stats_.idle_bytes -= capacity;
      ++stats_.reused;
      return Buffer(shared_from_this(), block, size, capacity, generation);
    }
    ++stats_.allocated;
  }
  // Outside the lock: the operating system may take its time over a large block.
  std::byte* block = allocator_.allocate(capacity);
  if (block == nullptr) {
    std::lock_guard lock(mutex_);
    stats_.used_bytes -= capacity;
    --stats_.allocated;
    ++stats_.refused;
    return resource_exhausted(concat("the machine has no memory for another ", size, " bytes"));
  }
  return Buffer(shared_from_this(), block, size, capacity, generation);
}

void BufferPool::give_back(std::byte* block, std::size_t capacity, std::uint64_t generation) noexcept {
  {
    std::lock_guard lock(mutex_);
    stats_.used_bytes -= capacity;
    const int exponent = exponent_for(capacity);
    const bool recycled = exponent <= kLargestClass && capacity == std::size_t{1} << exponent;
    if (recycled && generation == generation_ && stats_.idle_bytes + capacity <= limits_.max_idle_bytes) {
      auto& blocks = idle_[exponent - kSmallestClass];
      // Room for the pointer may be missing; then the block is simply not kept.
      try {
        blocks.push_back(block);
        stats_.idle_bytes += capacity;
        return;
      } catch (const std::bad_alloc&) {
      }
    }
  }
  allocator_.release(block, capacity);
}

void BufferPool::drop_idle() noexcept {
  std::array<std::vector<std::byte*>, kClasses> dropped;
  {
    std::lock_guard lock(mutex_);
    dropped.swap(idle_);
    ++generation_;
    stats_.idle_bytes = 0;
  }
  // Outside the lock: to give page-locked memory back takes its time.
  for (int index = 0; index < kClasses; ++index) {
    for (std::byte* block : dropped[index]) allocator_.release(block, std::size_t{1} << (index + kSmallestClass));
  }
}

BufferPoolStats BufferPool::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace pyserver
