// Memory of a GPU, counted by who uses it.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "base/status.h"
#include "cuda/device.h"

namespace pyserver::cuda {

class DevicePool;

// A block of device memory, given back when destroyed. Work that uses it must be known to be done by then: by a host
// function that came after it, or a synchronize(). Move-only; thread-compatible. The contents are not initialised.
class DeviceBuffer {
 public:
  DeviceBuffer() noexcept = default;
  DeviceBuffer(DeviceBuffer&& other) noexcept { swap(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    DeviceBuffer(std::move(other)).swap(*this);
    return *this;
  }
  ~DeviceBuffer();

  CUdeviceptr address() const noexcept { return address_; }
  std::size_t size() const noexcept { return size_; }
  void swap(DeviceBuffer& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
  }

 private:
  friend class DevicePool;
  DeviceBuffer(std::shared_ptr<DevicePool> pool, CUdeviceptr address, std::size_t size) noexcept
      : pool_(std::move(pool)), address_(address), size_(size) {}

  std::shared_ptr<DevicePool> pool_;
  CUdeviceptr address_ = 0;
  std::size_t size_ = 0;
};

// One for each model on a device, so that the memory of each can be told. Thread-safe.
class DevicePool : public std::enable_shared_from_this<DevicePool> {
 public:
  // What cuMemAlloc promises at least is 256; a row of any datatype, and any vector load, is served by this.
  static constexpr std::size_t kAlignment = 512;

  // `name` is the model's, for the sentences of errors.
  static std::shared_ptr<DevicePool> create(std::shared_ptr<const Device> device, std::string name);

  // `bytes` > 0, at an address that is a multiple of kAlignment. RESOURCE_EXHAUSTED, with what is free, where the
  // device has no more.
  Result<DeviceBuffer> take(std::size_t bytes);
  std::size_t used_bytes() const noexcept { return used_bytes_.load(std::memory_order_relaxed); }
  const Device& device() const noexcept { return *device_; }

 private:
  friend class DeviceBuffer;
  DevicePool(std::shared_ptr<const Device> device, std::string name)
      : device_(std::move(device)), name_(std::move(name)) {}
  Status explain(const Status& failure, std::size_t bytes) const;
  void give_back(CUdeviceptr address, std::size_t bytes) noexcept;

  const std::shared_ptr<const Device> device_;
  const std::string name_;
  std::atomic<std::size_t> used_bytes_ = 0;
};

}  // namespace pyserver::cuda
