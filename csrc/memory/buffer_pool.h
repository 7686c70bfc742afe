// BufferPool: bounded, recycled blocks of memory for request and response bytes.
//
// Invariants
//   1. The bytes of all living buffers (their capacity) never exceed `max_bytes`; take() refuses instead.
//   2. A free block is kept for reuse only while all free blocks together stay within `max_idle_bytes`.
//   3. A block is never handed to two buffers at once.
// Thread-safe. A Buffer keeps its pool alive, so it may outlive every other reference to it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/status.h"
#include "memory/allocator.h"

namespace pyserver {

class BufferPool;

// Owns one block of a pool and gives it back when destroyed. Move-only; thread-compatible.
// The contents are not initialised.
class Buffer {
 public:
  Buffer() noexcept = default;
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer(std::move(other)).swap(*this);
    return *this;
  }
  ~Buffer();

  std::byte* data() noexcept { return block_ + begin_; }
  const std::byte* data() const noexcept { return block_ + begin_; }
  std::size_t size() const noexcept { return size_; }
  // From data() on.
  std::size_t capacity() const noexcept { return capacity_ - begin_; }
  std::span<std::byte> bytes() noexcept { return {data(), size_}; }
  std::span<const std::byte> bytes() const noexcept { return {data(), size_}; }

  // Sets the size to at most capacity().
  void truncate(std::size_t size) noexcept { size_ = size; }
  // Sets the size, and moves the beginning so that the last byte is the last of a cache line (kBlockAlignment): for a
  // message whose last field should lie aligned. Contents are not moved. capacity() must be at least
  // size + kBlockAlignment - 1.
  void align_end(std::size_t size) noexcept;
  void swap(Buffer& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(block_, other.block_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    std::swap(begin_, other.begin_);
    std::swap(generation_, other.generation_);
  }

 private:
  friend class BufferPool;
  Buffer(std::shared_ptr<BufferPool> pool, std::byte* block, std::size_t size, std::size_t capacity,
         std::uint64_t generation) noexcept
      : pool_(std::move(pool)), block_(block), size_(size), capacity_(capacity), generation_(generation) {}

  std::shared_ptr<BufferPool> pool_;
  std::byte* block_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;  // of the block
  std::size_t begin_ = 0;
  std::uint64_t generation_ = 0;  // of the pool's memory, as drop_idle() counts it
};

struct BufferPoolLimits {
  std::size_t max_bytes = std::size_t{4} << 30;
  std::size_t max_idle_bytes = std::size_t{64} << 20;
};

struct BufferPoolStats {
  std::size_t used_bytes = 0;  // capacity of the living buffers
  std::size_t idle_bytes = 0;  // capacity of the free blocks kept
  std::uint64_t reused = 0;    // takes served by a free block
  std::uint64_t allocated = 0;
  std::uint64_t refused = 0;
};

class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  // `allocator` must outlive the pool and every buffer of it.
  static std::shared_ptr<BufferPool> create(Allocator& allocator, BufferPoolLimits limits = {});
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // A buffer of `size` bytes (its capacity may be larger). RESOURCE_EXHAUSTED where invariant 1 would break or the
  // allocator has no memory.
  Result<Buffer> take(std::size_t size);

  // Gives the free blocks back to the allocator, and those in use once they are free: for when it has begun to give
  // another kind of memory.
  void drop_idle() noexcept;

  BufferPoolStats stats() const;
  const BufferPoolLimits& limits() const noexcept { return limits_; }

 private:
  friend class Buffer;
  // Blocks of 2^kSmallestClass bytes and up, in powers of two; larger ones than the last class are not recycled.
  static constexpr int kSmallestClass = 8;  // 256 B
  static constexpr int kLargestClass = 26;  // 64 MiB
  static constexpr int kClasses = kLargestClass - kSmallestClass + 1;

  BufferPool(Allocator& allocator, BufferPoolLimits limits) : allocator_(allocator), limits_(limits) {}
  void give_back(std::byte* block, std::size_t capacity, std::uint64_t generation) noexcept;

  Allocator& allocator_;
  const BufferPoolLimits limits_;
  mutable std::mutex mutex_;
  std::array<std::vector<std::byte*>, kClasses> idle_;  // guarded by mutex_; all of this generation
  std::uint64_t generation_ = 0;                        // guarded by mutex_
  BufferPoolStats stats_;                               // guarded by mutex_
};

}  // namespace pyserver
