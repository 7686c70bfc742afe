#include "cuda/pinned_allocator.h"

#include <mutex>
#include <new>
#include <utility>

#include "base/text.h"
#include "cuda/memory_policy.h"

namespace pyserver::cuda {
namespace {

Result<std::byte*> lock_pages(const Device& device, std::size_t bytes) {
  const ContextScope scope(device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  const NumaPreference near(device.info().numa_node);
  void* memory = nullptr;
  // Portable: page-locked for all devices of the process, not for this one alone.
  const CUresult result = device.api().MemHostAlloc(&memory, bytes, CU_MEMHOSTALLOC_PORTABLE);
  PYSERVER_RETURN_IF_ERROR(
      device.driver().check(result, concat("allocating ", bytes, " bytes of page-locked memory of the host")));
  return static_cast<std::byte*>(memory);
}

void unlock_pages(const Device& device, std::byte* memory) noexcept {
  const ContextScope scope(device);
  device.driver().check_release(device.api().MemFreeHost(memory), "releasing page-locked memory of the host");
}

}  // namespace

PinnedAllocator::~PinnedAllocator() {
  // Blocks are released before their allocator ends; what is left are idle chunks.
  if (device_) blocks_.each_region([this](std::byte* region) { unlock_pages(*device_, region); });
}

Status PinnedAllocator::use_device(std::shared_ptr<const Device> device) {
  const std::lock_guard switching(switching_);
  if (is_on_.load(std::memory_order_acquire)) return {};
  if (PinnedBlocks::kChunkBytes <= limits_.max_bytes) {
    const Result<std::byte*> chunk = lock_pages(*device, PinnedBlocks::kChunkBytes);
    if (!chunk.ok()) return chunk.status();
    const std::lock_guard lock(mutex_);
    blocks_.add_chunk(*chunk);
    pinned_bytes_ = PinnedBlocks::kChunkBytes;
  }
  device_ = std::move(device);
  is_on_.store(true, std::memory_order_release);
  return {};
}

std::byte* PinnedAllocator::allocate(std::size_t bytes) noexcept {
  std::byte* block = nullptr;
  if (is_on_.load(std::memory_order_acquire)) block = allocate_pinned(bytes);
  return block != nullptr ? block : host_.allocate(bytes);
}

std::byte* PinnedAllocator::allocate_pinned(std::size_t bytes) noexcept {
  const bool large = PinnedBlocks::is_large(bytes);
  const std::size_t wanted = large ? bytes : PinnedBlocks::kChunkBytes;
  std::byte* region = nullptr;  // of nobody yet
  bool reserved = false;
  // Without memory for its books it has no page-locked memory, either.
  try {
    std::unique_lock lock(mutex_);
    if (std::byte* block = large ? nullptr : blocks_.take(bytes)) return block;
    if (wanted <= limits_.max_bytes - pinned_bytes_) {
      pinned_bytes_ += wanted;
      reserved = true;
      lock.unlock();
      Result<std::byte*> locked = lock_pages(*device_, wanted);
      lock.lock();
      if (locked.ok()) {
        region = *locked;
        if (large) {
          blocks_.add_large(region, wanted);
          return region;
        }
        blocks_.add_chunk(region);
        region = nullptr;
        reserved = false;
        return blocks_.take(bytes);
      }
    }
  } catch (const std::bad_alloc&) {
  }
  if (region != nullptr) unlock_pages(*device_, region);
  const std::lock_guard lock(mutex_);
  if (reserved) pinned_bytes_ -= wanted;
  ++refused_;
  return nullptr;
}

void PinnedAllocator::release(std::byte* block, std::size_t bytes) noexcept {
  PinnedBlocks::GivenBack given;
  {
    const std::lock_guard lock(mutex_);
    given = blocks_.give_back(block, limits_.max_idle_bytes);
    pinned_bytes_ -= given.region_bytes;
  }
  if (!given.found) return host_.release(block, bytes);
  if (given.region != nullptr) unlock_pages(*device_, given.region);
}

bool PinnedAllocator::is_pinned(std::span<const std::byte> bytes) const noexcept {
  if (!is_on_.load(std::memory_order_acquire)) return false;
  const std::shared_lock lock(mutex_);
  return blocks_.contains(bytes);
}

PinnedStats PinnedAllocator::stats() const {
  const std::shared_lock lock(mutex_);
  return {
      .pinned_bytes = pinned_bytes_, .limit_bytes = limits_.max_bytes, .blocks = blocks_.in_use(), .refused = refused_};
}

}  // namespace pyserver::cuda
