// Devices of the double, and what a test leaves behind.
#pragma once

#include <fake_cuda.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cuda/copy.h"
#include "cuda/device.h"
#include "cuda/device_memory.h"
#include "cuda/event.h"
#include "cuda/graph.h"
#include "cuda/stream.h"

namespace pyserver::cuda {

// Two devices, in collecting mode: a test tells which faults it expects; any other fails it, and so does a leak.
class CudaTest : public testing::Test {
 protected:
  static constexpr std::size_t kMemoryMib = 64;

  void SetUp() override {
    // Read when the double starts, which it does once in a process.
    setenv("FAKE_CUDA_DEVICES", "2", 1);
    setenv("FAKE_CUDA_MEMORY_MIB", std::to_string(kMemoryMib).c_str(), 1);
    fakeCollectFaults(1);
    Result<std::shared_ptr<const Driver>> driver = Driver::open();
    ASSERT_TRUE(driver.ok()) << driver.status().message();
    driver_ = *driver;
    Result<std::shared_ptr<const Device>> device = Device::open(driver_, 0);
    ASSERT_TRUE(device.ok()) << device.status().message();
    device_ = *device;
  }

  void TearDown() override {
    pool_.reset();
    device_.reset();
    expect_faults({});
    fakeReportLeaks();
    expect_faults({});
    EXPECT_EQ(driver_->release_failures().count, release_failures_) << driver_->release_failures().latest;
    fakeCollectFaults(0);
  }

  // The faults until now, each by a part of its text; they are cleared.
  static void expect_faults(const std::vector<std::string>& parts) {
    for (std::size_t i = 0; i < std::max(parts.size(), fakeFaultCount()); ++i) {
      const char* fault = fakeFault(i);
      if (i >= parts.size()) {
        ADD_FAILURE() << "not expected: " << fault;
      } else if (fault == nullptr) {
        ADD_FAILURE() << "no fault says: " << parts[i];
      } else {
        EXPECT_NE(std::string(fault).find(parts[i]), std::string::npos) << fault << "\ndoes not say: " << parts[i];
      }
    }
    fakeClearFaults();
  }

  Stream stream() { return std::move(*Stream::create(*device_)); }
  Event event(Timing timing = Timing::kDisabled) { return std::move(*Event::create(*device_, timing)); }
  DeviceBuffer buffer(std::size_t bytes) {
    if (!pool_) pool_ = DevicePool::create(device_, "model");
    return std::move(*pool_->take(bytes));
  }

  std::shared_ptr<const Driver> driver_;
  std::shared_ptr<const Device> device_;
  std::shared_ptr<DevicePool> pool_;
  std::uint64_t release_failures_ = 0;  // as the test expects it
};

// Page-locked memory, straight from the driver.
class PinnedBytes {
 public:
  PinnedBytes(const Device& device, std::size_t size) : device_(device.shared_from_this()), size_(size) {
    const ContextScope scope(*device_);
    void* memory = nullptr;
    EXPECT_EQ(device_->api().MemHostAlloc(&memory, size, CU_MEMHOSTALLOC_PORTABLE), CUDA_SUCCESS);
    data_ = static_cast<std::byte*>(memory);
  }
  ~PinnedBytes() { release(); }
  PinnedBytes(const PinnedBytes&) = delete;
  PinnedBytes& operator=(const PinnedBytes&) = delete;

  void release() {
    if (data_ == nullptr) return;
    const ContextScope scope(*device_);
    EXPECT_EQ(device_->api().MemFreeHost(std::exchange(data_, nullptr)), CUDA_SUCCESS);
  }
  std::byte* data() { return data_; }
  std::span<std::byte> bytes() { return {data_, size_}; }

 private:
  std::shared_ptr<const Device> device_;
  std::byte* data_ = nullptr;
  std::size_t size_;
};

inline std::vector<std::byte> counted_bytes(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
  return bytes;
}

// Enqueues `op` of the double, which touches these ranges.
inline CUresult launch_named(Stream& stream, const char* op, std::vector<FakeAccess> accesses,
                             std::uint64_t argument = 0) {
  const ContextScope scope(stream.device());
  return fakeLaunchNamed(stream.get(), op, &argument, sizeof argument, accesses.data(), accesses.size());
}

}  // namespace pyserver::cuda
