// csrc/cuda on the driver that is there: NVIDIA's on a machine with a GPU (tests/gpu), the double anywhere else. Where
// there is none, every test is skipped.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include "cuda/copy.h"
#include "cuda/device.h"
#include "cuda/device_memory.h"
#include "cuda/event.h"
#include "cuda/graph.h"
#include "cuda/pinned_allocator.h"
#include "cuda/stream.h"

namespace pyserver::cuda {
namespace {

constexpr std::size_t kBytes = std::size_t{1} << 20;

class GpuDriver : public testing::Test {
 protected:
  void SetUp() override {
    auto driver = Driver::open();
    if (!driver.ok()) GTEST_SKIP() << driver.status().message();
    auto device = Device::open(*driver, 0);
    ASSERT_TRUE(device.ok()) << device.status().message();
    device_ = *device;
    pool_ = DevicePool::create(device_, "test");
    ASSERT_TRUE(pinned_.use_device(device_).ok());
    sent_ = host();
    received_ = host();
    for (std::size_t index = 0; index < kBytes; ++index) sent_[index] = static_cast<std::byte>(index * 31);
    std::memset(received_, 0, kBytes);
  }
  void TearDown() override {
    for (std::byte* block : blocks_) pinned_.release(block, kBytes);
  }

  std::byte* host() {
    blocks_.push_back(pinned_.allocate(kBytes));
    return blocks_.back();
  }
  std::span<const std::byte> sent() const { return {sent_, kBytes}; }
  std::span<std::byte> received() const { return {received_, kBytes}; }

  std::shared_ptr<const Device> device_;
  std::shared_ptr<DevicePool> pool_;
  PinnedAllocator pinned_;
  std::byte* sent_ = nullptr;
  std::byte* received_ = nullptr;
  std::vector<std::byte*> blocks_;
};

TEST_F(GpuDriver, BytesComeBackFromTheDeviceAsTheyWent) {
  auto stream = Stream::create(*device_);
  auto buffer = pool_->take(kBytes);
  ASSERT_TRUE(stream.ok() && buffer.ok());
  ASSERT_TRUE(copy_to_device(*stream, buffer->address(), sent()).ok());
  ASSERT_TRUE(copy_from_device(*stream, received(), buffer->address()).ok());
  ASSERT_TRUE(stream->synchronize().ok());
  EXPECT_EQ(std::memcmp(sent_, received_, kBytes), 0);
}

TEST_F(GpuDriver, HostMemoryIsPageLocked) { EXPECT_TRUE(pinned_.is_pinned(sent())); }

TEST_F(GpuDriver, EventsOrderStreamsAndTellTheTime) {
  auto first = Stream::create(*device_);
  auto second = Stream::create(*device_);
  auto buffer = pool_->take(kBytes);
  auto begin = Event::create(*device_, Timing::kEnabled);
  auto copied = Event::create(*device_, Timing::kEnabled);
  ASSERT_TRUE(first.ok() && second.ok() && buffer.ok() && begin.ok() && copied.ok());
  ASSERT_TRUE(first->record(*begin).ok());
  ASSERT_TRUE(copy_to_device(*first, buffer->address(), sent()).ok());
  ASSERT_TRUE(first->record(*copied).ok());
  ASSERT_TRUE(second->wait(*copied).ok());
  ASSERT_TRUE(copy_from_device(*second, received(), buffer->address()).ok());
  ASSERT_TRUE(second->synchronize().ok());
  EXPECT_EQ(std::memcmp(sent_, received_, kBytes), 0);
  auto took = copied->since(*begin);
  ASSERT_TRUE(took.ok()) << took.status().message();
  EXPECT_GE(took->count(), 0);
}

TEST_F(GpuDriver, ACapturedGraphDoesAgainWhatWasCaptured) {
  auto stream = Stream::create(*device_);
  auto from = pool_->take(kBytes);
  auto to = pool_->take(kBytes);
  ASSERT_TRUE(stream.ok() && from.ok() && to.ok());
  ASSERT_TRUE(begin_capture(*stream).ok());
  ASSERT_TRUE(copy_on_device(*stream, to->address(), from->address(), kBytes).ok());
  auto graph = end_capture(*stream);
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  auto executable = GraphExec::instantiate(*device_, *graph);
  ASSERT_TRUE(executable.ok()) << executable.status().message();
  for (int launch = 0; launch < 3; ++launch) {
    sent_[0] = static_cast<std::byte>(launch);
    ASSERT_TRUE(copy_to_device(*stream, from->address(), sent()).ok());
    ASSERT_TRUE(executable->launch(*stream).ok());
    ASSERT_TRUE(copy_from_device(*stream, received(), to->address()).ok());
    ASSERT_TRUE(stream->synchronize().ok());
    EXPECT_EQ(std::memcmp(sent_, received_, kBytes), 0) << "launch " << launch;
  }
}

TEST_F(GpuDriver, MoreMemoryThanThereIsIsRefusedWithWhatIsFree) {
  auto memory = device_->memory();
  auto info = device_->info();
  ASSERT_TRUE(memory.ok());
  auto buffer = pool_->take(2 * info.memory_bytes);
  ASSERT_FALSE(buffer.ok());
  EXPECT_EQ(buffer.status().code(), StatusCode::kResourceExhausted) << buffer.status().message();
  EXPECT_EQ(pool_->used_bytes(), 0u);
}

}  // namespace
}  // namespace pyserver::cuda
