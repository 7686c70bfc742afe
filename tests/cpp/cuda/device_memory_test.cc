#include "cuda/device_memory.h"

#include "cuda_fixtures.h"

namespace pyserver::cuda {
namespace {

class DeviceMemoryTest : public CudaTest {};

TEST_F(DeviceMemoryTest, APoolKnowsWhatItsModelUses) {
  const auto one = DevicePool::create(device_, "one");
  const auto two = DevicePool::create(device_, "two");
  {
    const Result<DeviceBuffer> a = one->take(1000);
    const Result<DeviceBuffer> b = one->take(24);
    const Result<DeviceBuffer> c = two->take(7);
    ASSERT_TRUE(a.ok() && b.ok() && c.ok());
    EXPECT_EQ(a->size(), 1000U);
    EXPECT_EQ(a->address() % DevicePool::kAlignment, 0U);
    EXPECT_EQ(b->address() % DevicePool::kAlignment, 0U);
    EXPECT_EQ(one->used_bytes(), 1024U);
    EXPECT_EQ(two->used_bytes(), 7U);
    EXPECT_EQ(device_->memory()->total_bytes - device_->memory()->free_bytes, 1031U);
  }
  EXPECT_EQ(one->used_bytes(), 0U);
  EXPECT_EQ(two->used_bytes(), 0U);
}

TEST_F(DeviceMemoryTest, ABufferThatIsMovedIsReleasedOnce) {
  DeviceBuffer a = buffer(100);
  const CUdeviceptr address = a.address();
  DeviceBuffer b = std::move(a);
  EXPECT_EQ(a.address(), 0U);  // NOLINT(bugprone-use-after-move): that is the promise
  EXPECT_EQ(b.address(), address);
  b = buffer(50);
  EXPECT_EQ(pool_->used_bytes(), 50U) << "what was assigned over is released";
}

TEST_F(DeviceMemoryTest, MoreThanThereIsIsRefusedWithWhatIsFree) {
  const DeviceBuffer some = buffer(1 << 20);
  const Result<DeviceBuffer> more = pool_->take(kMemoryMib << 20);
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(more.status().message(),
            "the model 'model' needs another 67108864 bytes of GPU 0 (Fake GPU 0), beside 1048576 of its own; 66060288 "
            "of 67108864 are free. allocating: CUDA_ERROR_OUT_OF_MEMORY (2): out of memory");
  EXPECT_EQ(pool_->used_bytes(), std::size_t{1} << 20);
}

TEST_F(DeviceMemoryTest, NoBytesAreRefused) {
  const Result<DeviceBuffer> none = DevicePool::create(device_, "model")->take(0);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.status().code(), StatusCode::kInvalidArgument);
}

TEST_F(DeviceMemoryTest, ABufferKeepsItsPoolAndDevice) {
  DeviceBuffer kept = buffer(10);
  const std::weak_ptr<const Device> watched = device_;
  pool_.reset();
  device_.reset();
  EXPECT_FALSE(watched.expired());
  kept = DeviceBuffer();
  EXPECT_TRUE(watched.expired());
}

TEST_F(DeviceMemoryTest, EachDeviceHasItsOwn) {
  const auto other = std::move(*Device::open(driver_, 1));
  const auto pool = DevicePool::create(other, "model");
  const Result<DeviceBuffer> there = pool->take(4096);
  ASSERT_TRUE(there.ok());
  EXPECT_EQ(device_->memory()->free_bytes, kMemoryMib << 20);
  EXPECT_EQ(other->memory()->free_bytes, (kMemoryMib << 20) - 4096);
  Stream stream = std::move(*Stream::create(*other));
  PinnedBytes host(*device_, 4096);  // page-locked for all devices
  ASSERT_TRUE(fill(stream, there->address(), std::byte{6}, 4096).ok());
  ASSERT_TRUE(copy_from_device(stream, host.bytes(), there->address()).ok());
  ASSERT_TRUE(stream.synchronize().ok());
  EXPECT_EQ(host.data()[4095], std::byte{6});
}

}  // namespace
}  // namespace pyserver::cuda
