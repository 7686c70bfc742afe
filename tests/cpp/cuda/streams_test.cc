// What a stream promises: order, waiting, functions of the host.
#include <condition_variable>
#include <mutex>

#include "cuda_fixtures.h"

namespace pyserver::cuda {
namespace {

class StreamTest : public CudaTest {};

TEST_F(StreamTest, CopiesToTheDeviceAndBack) {
  Stream stream = this->stream();
  const DeviceBuffer device = buffer(1000);
  PinnedBytes host(*device_, 2000);
  const std::vector<std::byte> sent = counted_bytes(1000);
  std::memcpy(host.data(), sent.data(), sent.size());
  ASSERT_TRUE(copy_to_device(stream, device.address(), host.bytes().first(1000)).ok());
  ASSERT_TRUE(copy_from_device(stream, host.bytes().subspan(1000), device.address()).ok());
  ASSERT_TRUE(stream.synchronize().ok());
  EXPECT_EQ(std::memcmp(host.data() + 1000, sent.data(), sent.size()), 0);
}

TEST_F(StreamTest, FillsAndCopiesOnTheDevice) {
  Stream stream = this->stream();
  const DeviceBuffer a = buffer(100);
  const DeviceBuffer b = buffer(100);
  PinnedBytes host(*device_, 100);
  ASSERT_TRUE(fill(stream, a.address(), std::byte{1}, 100).ok());
  ASSERT_TRUE(fill(stream, a.address() + 40, std::byte{2}, 20).ok());
  ASSERT_TRUE(copy_on_device(stream, b.address(), a.address(), 100).ok());
  ASSERT_TRUE(copy_from_device(stream, host.bytes(), b.address()).ok());
  ASSERT_TRUE(stream.synchronize().ok());
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(host.data()[i], std::byte(i >= 40 && i < 60 ? 2 : 1)) << i;
}

TEST_F(StreamTest, OfNoBytesNothingIsEnqueued) {
  Stream stream = this->stream();
  const std::size_t calls = fakeCalls("");
  EXPECT_TRUE(copy_to_device(stream, 0, {}).ok());
  EXPECT_TRUE(copy_from_device(stream, {}, 0).ok());
  EXPECT_TRUE(copy_on_device(stream, 0, 0, 0).ok());
  EXPECT_TRUE(fill(stream, 0, std::byte{1}, 0).ok());
  EXPECT_EQ(fakeCalls(""), calls);
}

TEST_F(StreamTest, CallsTheHostAfterWhatCameBefore) {
  Stream stream = this->stream();
  const DeviceBuffer device = buffer(4);
  PinnedBytes host(*device_, 4);
  std::mutex mutex;
  std::condition_variable condition;
  std::byte seen{0};
  bool called = false;
  fakeHoldStream(stream.get());
  ASSERT_TRUE(fill(stream, device.address(), std::byte{9}, 4).ok());
  ASSERT_TRUE(copy_from_device(stream, host.bytes(), device.address()).ok());
  ASSERT_TRUE(stream
                  .call_on_host([&] {
                    const std::lock_guard lock(mutex);
                    seen = host.data()[3];
                    called = true;
                    condition.notify_all();
                  })
                  .ok());
  EXPECT_FALSE(*stream.idle());
  EXPECT_FALSE(called);
  fakeReleaseStream(stream.get());
  std::unique_lock lock(mutex);
  condition.wait(lock, [&] { return called; });
  EXPECT_EQ(seen, std::byte{9});
}

TEST_F(StreamTest, CallsAFunctionWithoutMemoryForIt) {
  Stream stream = this->stream();
  int calls = 0;
  ASSERT_TRUE(stream.call_on_host([](void* argument) { ++*static_cast<int*>(argument); }, &calls).ok());
  ASSERT_TRUE(stream.synchronize().ok());
  EXPECT_EQ(calls, 1);
}

TEST_F(StreamTest, WaitsForAnEventOfAnother) {
  Stream first = stream();
  Stream second = stream();
  const Event filled = event();
  const DeviceBuffer device = buffer(4);
  PinnedBytes host(*device_, 4);
  fakeHoldStream(first.get());
  ASSERT_TRUE(fill(first, device.address(), std::byte{5}, 4).ok());
  ASSERT_TRUE(first.record(filled).ok());
  ASSERT_TRUE(second.wait(filled).ok());
  ASSERT_TRUE(copy_from_device(second, host.bytes(), device.address()).ok());
  EXPECT_FALSE(*filled.reached());
  EXPECT_FALSE(*second.idle());
  fakeReleaseStream(first.get());
  ASSERT_TRUE(second.synchronize().ok());
  EXPECT_EQ(host.data()[0], std::byte{5});
  EXPECT_TRUE(*filled.reached());
}

TEST_F(StreamTest, EventsMeasureTheTimeBetweenThem) {
  Stream stream = this->stream();
  const Event begin = event(Timing::kEnabled);
  const Event end = event(Timing::kEnabled);
  EXPECT_TRUE(*begin.reached()) << "there is nothing to reach before the first record";
  ASSERT_TRUE(stream.record(begin).ok());
  ASSERT_EQ(launch_named(stream, "spin_us", {}, 2000), CUDA_SUCCESS);
  ASSERT_TRUE(stream.record(end).ok());
  ASSERT_TRUE(end.synchronize().ok());
  EXPECT_GE(*end.since(begin), std::chrono::microseconds(2000));
}

TEST_F(StreamTest, AnEventWithoutTimingMeasuresNothing) {
  Stream stream = this->stream();
  const Event begin = event();
  const Event end = event();
  ASSERT_TRUE(stream.record(begin).ok());
  ASSERT_TRUE(stream.record(end).ok());
  ASSERT_TRUE(end.synchronize().ok());
  const auto measured = end.since(begin);
  ASSERT_FALSE(measured.ok());
  EXPECT_EQ(measured.status().message(),
            "measuring the time between events: CUDA_ERROR_INVALID_HANDLE (400): invalid resource handle");
}

TEST_F(StreamTest, KeepsItsDevice) {
  const std::weak_ptr<const Device> watched = device_;
  {
    const Stream stream = this->stream();
    device_.reset();
    EXPECT_FALSE(watched.expired());
  }
  EXPECT_TRUE(watched.expired());
}

TEST_F(StreamTest, PutsBackTheContextThatWasCurrent) {
  const auto other = std::move(*Device::open(driver_, 1));
  CUcontext current = nullptr;
  {
    const ContextScope scope(*other);
    Stream stream = this->stream();
    EXPECT_TRUE(stream.synchronize().ok());
    ASSERT_EQ(driver_->api().CtxGetCurrent(&current), CUDA_SUCCESS);
    EXPECT_EQ(current, other->context());
  }
  ASSERT_EQ(driver_->api().CtxGetCurrent(&current), CUDA_SUCCESS);
  EXPECT_EQ(current, nullptr);
}

TEST_F(StreamTest, AContextThatIsCurrentIsNotPushedAgain) {
  const ContextScope scope(*device_);
  const std::size_t pushes = fakeCalls("cuCtxPushCurrent_v2");
  EXPECT_TRUE(stream().synchronize().ok());
  EXPECT_EQ(fakeCalls("cuCtxPushCurrent_v2"), pushes);
}

}  // namespace
}  // namespace pyserver::cuda
