// The double finds mistakes with memory: each is planted here, and its report names both sides.
#include <thread>

#include "cuda_fixtures.h"

namespace pyserver::cuda {
namespace {

class MemoryFaultsTest : public CudaTest {
 protected:
  // A buffer that is released while `stream` is held and was given work by `enqueue`.
  template <typename Enqueue>
  void release_while_running(Stream& stream, Enqueue enqueue) {
    fakeHoldStream(stream.get());
    {
      const DeviceBuffer used = buffer(64);
      enqueue(used);
    }
    fakeReleaseStream(stream.get());
    EXPECT_TRUE(stream.synchronize().ok());
  }
};

TEST_F(MemoryFaultsTest, RightUseHasNoReport) {
  Stream stream = this->stream();
  PinnedBytes host(*device_, 64);
  {
    const DeviceBuffer device = buffer(64);
    ASSERT_TRUE(copy_to_device(stream, device.address(), host.bytes()).ok());
    ASSERT_EQ(launch_named(stream, "fill", {{device.address() + 60, 4, FAKE_WRITE}}, 1), CUDA_SUCCESS);
    ASSERT_TRUE(copy_from_device(stream, host.bytes(), device.address()).ok());
    ASSERT_TRUE(stream.synchronize().ok());
  }
  host.release();
  expect_faults({});
}

TEST_F(MemoryFaultsTest, UseAfterFree) {
  Stream stream = this->stream();
  CUdeviceptr address = 0;
  {
    const DeviceBuffer gone = buffer(64);
    address = gone.address();
  }
  const Status filled = fill(stream, address, std::byte{1}, 64);
  EXPECT_NE(filled.message().find("CUDA_ERROR_ILLEGAL_ADDRESS"), std::string::npos) << filled.message();
  ASSERT_EQ(fakeFaultCount(), 1U);
  const std::string fault = fakeFault(0);
  EXPECT_TRUE(fault.starts_with("cuMemsetD8Async (call ")) << fault;
  EXPECT_NE(fault.find("writes bytes 0 to 64 of the device memory at 0x"), std::string::npos) << fault;
  EXPECT_NE(fault.find("(64 bytes, from cuMemAlloc_v2 (call "), std::string::npos) << fault;
  EXPECT_NE(fault.find(", which cuMemFree_v2 (call "), std::string::npos) << fault;
  fakeClearFaults();
}

TEST_F(MemoryFaultsTest, DoubleFree) {
  CUdeviceptr address = 0;
  {
    const DeviceBuffer gone = buffer(64);
    address = gone.address();
  }
  const ContextScope scope(*device_);
  EXPECT_EQ(device_->api().MemFree(address), CUDA_ERROR_INVALID_VALUE);
  expect_faults({"which cuMemFree_v2"});
}

TEST_F(MemoryFaultsTest, FreeOfWhatIsNoBeginning) {
  const DeviceBuffer some = buffer(64);
  const ContextScope scope(*device_);
  EXPECT_EQ(device_->api().MemFree(some.address() + 8), CUDA_ERROR_INVALID_VALUE);
  expect_faults({"where no device memory begins"});
}

TEST_F(MemoryFaultsTest, CopiesBeyondTheEnd) {
  Stream stream = this->stream();
  const DeviceBuffer device = buffer(64);
  PinnedBytes host(*device_, 100);
  EXPECT_FALSE(copy_to_device(stream, device.address(), host.bytes().first(65)).ok());
  EXPECT_FALSE(fill(stream, device.address() + 60, std::byte{1}, 5).ok());
  EXPECT_FALSE(copy_from_device(stream, {host.data() + 50, 51}, device.address()).ok());
  EXPECT_FALSE(fill(stream, device.address() + 64, std::byte{1}, 1).ok());
  expect_faults({"writes bytes 0 to 65 of the device memory", "writes bytes 60 to 65 of the device memory",
                 "writes bytes 50 to 101 of the page-locked memory", "writes bytes 64 to 65 of the device memory"});
}

TEST_F(MemoryFaultsTest, AnAddressThatIsNobodys) {
  Stream stream = this->stream();
  EXPECT_FALSE(fill(stream, 16, std::byte{1}, 4).ok());
  expect_faults({"writes 4 bytes at 0x10, which is ordinary memory of the host"});
}

TEST_F(MemoryFaultsTest, MemoryReleasedWhileACopyMayUseIt) {
  Stream stream = this->stream();
  release_while_running(
      stream, [&](const DeviceBuffer& used) { EXPECT_TRUE(fill(stream, used.address(), std::byte{1}, 64).ok()); });
  ASSERT_EQ(fakeFaultCount(), 1U);
  const std::string fault = fakeFault(0);
  EXPECT_NE(fault.find("releases the device memory"), std::string::npos) << fault;
  EXPECT_NE(fault.find(", which cuMemsetD8Async (call "), std::string::npos) << fault;
  EXPECT_NE(fault.find(") writes: nobody has waited for that"), std::string::npos) << fault;
  fakeClearFaults();
}

TEST_F(MemoryFaultsTest, WorkThatIsDoneButThatNobodyWaitedFor) {
  Stream stream = this->stream();
  const Event done = event();
  {
    const DeviceBuffer used = buffer(64);
    ASSERT_TRUE(fill(stream, used.address(), std::byte{1}, 64).ok());
    ASSERT_TRUE(stream.record(done).ok());
    // Waits without the double's knowledge of it.
    while (fakeStreamIdle(stream.get()) == 0) std::this_thread::yield();
  }
  expect_faults({"nobody has waited for that"});
}

TEST_F(MemoryFaultsTest, PageLockedMemoryReleasedWhileACopyMayUseIt) {
  Stream stream = this->stream();
  const DeviceBuffer device = buffer(64);
  PinnedBytes host(*device_, 64);
  fakeHoldStream(stream.get());
  ASSERT_TRUE(copy_to_device(stream, device.address(), host.bytes()).ok());
  host.release();
  fakeReleaseStream(stream.get());
  ASSERT_TRUE(stream.synchronize().ok());
  expect_faults({"releases the page-locked memory"});
}

TEST_F(MemoryFaultsTest, ACopyFromPageLockedMemoryThatWasReleased) {
  Stream stream = this->stream();
  const DeviceBuffer device = buffer(64);
  PinnedBytes host(*device_, 64);
  const std::span<std::byte> bytes = host.bytes();
  host.release();
  EXPECT_FALSE(copy_to_device(stream, device.address(), bytes).ok());
  expect_faults({"reads bytes 0 to 64 of the page-locked memory"});
}

TEST_F(MemoryFaultsTest, PageLockedMemoryChangedBeforeTheCopyHasRun) {
  Stream stream = this->stream();
  const DeviceBuffer device = buffer(64);
  PinnedBytes source(*device_, 64);
  PinnedBytes target(*device_, 64);
  fakeHoldStream(stream.get());
  ASSERT_TRUE(copy_to_device(stream, device.address(), source.bytes()).ok());
  ASSERT_TRUE(copy_from_device(stream, target.bytes(), device.address()).ok());
  source.data()[63] = std::byte{1};
  target.data()[0] = std::byte{1};
  fakeReleaseStream(stream.get());
  ASSERT_TRUE(stream.synchronize().ok());
  expect_faults({"reads 64 bytes of page-locked memory", "writes 64 bytes of page-locked memory"});
}

TEST_F(MemoryFaultsTest, AKernelThatWritesBeyondItsMemory) {
  Stream stream = this->stream();
  const DeviceBuffer device = buffer(64);
  const FakeAccess access{device.address(), 64, FAKE_WRITE};
  {
    const ContextScope scope(*device_);
    const auto kernel = [](const void*, void* const* pointers) { static_cast<char*>(pointers[0])[64] = 1; };
    ASSERT_EQ(fakeLaunch(stream.get(), kernel, nullptr, 0, &access, 1), CUDA_SUCCESS);
  }
  ASSERT_TRUE(stream.synchronize().ok());
  ASSERT_EQ(fakeFaultCount(), 1U);
  const std::string fault = fakeFault(0);
  EXPECT_TRUE(fault.starts_with("fakeLaunch (call ")) << fault;
  EXPECT_NE(fault.find("writes beyond the memory that it was given"), std::string::npos) << fault;
  fakeClearFaults();
}

TEST_F(MemoryFaultsTest, MemoryOfAnotherDevice) {
  const auto other = std::move(*Device::open(driver_, 1));
  Stream stream = std::move(*Stream::create(*other));
  const DeviceBuffer here = buffer(64);
  EXPECT_FALSE(fill(stream, here.address(), std::byte{1}, 64).ok());
  expect_faults({"of device 0, on a stream of device 1"});
}

TEST_F(MemoryFaultsTest, TheHostCannotReachDeviceMemory) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const DeviceBuffer device = buffer(64);
  EXPECT_DEATH(*reinterpret_cast<volatile char*>(device.address()) = 1, "");
}

TEST_F(MemoryFaultsTest, TheFirstFaultEndsTheProcessWhereNobodyCollects) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Stream stream = this->stream();
  EXPECT_EXIT(
      {
        fakeCollectFaults(0);
        static_cast<void>(fill(stream, 16, std::byte{1}, 4));
      },
      testing::ExitedWithCode(kFakeFaultExit), "fake_cuda: cuMemsetD8Async .* writes 4 bytes at 0x10");
}

TEST_F(MemoryFaultsTest, LeaksAreNamedWhenTheProcessEnds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Stream stream = this->stream();
  EXPECT_EXIT(
      {
        fakeCollectFaults(0);
        std::exit(0);
      },
      testing::ExitedWithCode(kFakeFaultExit), "there is still a stream of device 0, from cuStreamCreateWithPriority");
}

TEST_F(MemoryFaultsTest, EveryKindOfLeakIsNamed) {
  Stream stream = this->stream();
  const Event event = this->event();
  const DeviceBuffer device = buffer(64);
  PinnedBytes host(*device_, 64);
  ASSERT_TRUE(begin_capture(stream).ok());
  const Result<Graph> graph = end_capture(stream);
  const Result<GraphExec> exec = GraphExec::instantiate(*device_, *graph);
  EXPECT_EQ(fakeReportLeaks(), 7U);
  ASSERT_EQ(fakeFaultCount(), 7U);
  std::string all;
  for (std::size_t i = 0; i < 7; ++i) all += fakeFault(i);
  for (const char* kind : {"the context of device 0, retained 1 times", "a stream of device 0", "an event of device 0",
                           "a graph of device 0", "a graph that is ready to launch", "the device memory at",
                           "the page-locked memory at"}) {
    EXPECT_NE(all.find(kind), std::string::npos) << kind << " is not in " << all;
  }
  fakeClearFaults();
}

}  // namespace
}  // namespace pyserver::cuda
