// PinnedAllocator: page-locked host memory, which a GPU copies from and to by itself while the program goes on.
//
// Invariants
//   1. Until use_device() all blocks are ordinary host memory; blocks of that time stay so, and go back rightly.
//   2. Page-locked memory, idle chunks included, never exceeds `max_bytes`. Where it would, and where the driver
//      refuses, a block is ordinary host memory instead: that costs speed, not the request, and is counted.
//   3. A block lies in one chunk, or is alone in its own region. cuMemHostAlloc takes a millisecond and whole pages, so
//      blocks to 1 MiB are cut, by powers of two, from chunks of 2 MiB.
// Thread-safe: no lock is held while the driver works. The device lives as long as the allocator.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>

#include "base/status.h"
#include "cuda/device.h"
#include "cuda/pinned_blocks.h"
#include "memory/allocator.h"

namespace pyserver::cuda {

struct PinnedLimits {
  std::size_t max_bytes = std::size_t{2} << 30;
  std::size_t max_idle_bytes = std::size_t{256} << 20;  // chunks without a block in use that are kept
};

struct PinnedStats {
  std::size_t pinned_bytes = 0;  // taken from the driver
  std::size_t limit_bytes = 0;
  std::size_t blocks = 0;     // in use and page-locked
  std::uint64_t refused = 0;  // blocks that became ordinary host memory for want of page-locked memory
};

class PinnedAllocator final : public Allocator {
 public:
  explicit PinnedAllocator(PinnedLimits limits = {}) : limits_(limits) {}
  ~PinnedAllocator() override;
  PinnedAllocator(const PinnedAllocator&) = delete;
  PinnedAllocator& operator=(const PinnedAllocator&) = delete;

  // The first call switches to page-locked memory, near to the device where the kernel lets one choose. All devices may
  // use it, so later calls change nothing. The driver's refusal of a first chunk is returned, and nothing is switched.
  Status use_device(std::shared_ptr<const Device> device);

  std::byte* allocate(std::size_t bytes) noexcept override;
  void release(std::byte* block, std::size_t bytes) noexcept override;

  // Whether all of `bytes` lies in page-locked memory of this allocator. A shared lock and a look into a sorted table:
  // asked once for each input of a request.
  bool is_pinned(std::span<const std::byte> bytes) const noexcept;
  PinnedStats stats() const;

 private:
  std::byte* allocate_pinned(std::size_t bytes) noexcept;

  const PinnedLimits limits_;
  HostAllocator host_;
  std::mutex switching_;
  std::atomic<bool> is_on_ = false;
  std::shared_ptr<const Device> device_;  // set before is_on_ and never again
  mutable std::shared_mutex mutex_;       // guards all below
  PinnedBlocks blocks_;
  std::size_t pinned_bytes_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace pyserver::cuda
