// Allocator: where a pool gets its memory from. Host memory here; page-locked memory is another implementation.
//
// Implementations are thread-safe.
#pragma once

#include <cstddef>

namespace pyserver {

// Every block begins on a cache line, which also satisfies the widest vector load.
inline constexpr std::size_t kBlockAlignment = 64;

class Allocator {
 public:
  virtual ~Allocator() = default;
  // `bytes` > 0, aligned to kBlockAlignment; nullptr where there is no memory.
  virtual std::byte* allocate(std::size_t bytes) noexcept = 0;
  // `block` came from allocate(bytes) of this allocator.
  virtual void release(std::byte* block, std::size_t bytes) noexcept = 0;
};

class HostAllocator final : public Allocator {
 public:
  std::byte* allocate(std::size_t bytes) noexcept override;
  void release(std::byte* block, std::size_t bytes) noexcept override;
};

}  // namespace pyserver
