// The double finds calls at a wrong time or place: contexts, captures, what was destroyed, functions of the host.
#include <thread>

#include "cuda_fixtures.h"

namespace pyserver::cuda {
namespace {

class UseFaultsTest : public CudaTest {
 protected:
  // Runs `call` while a stream captures; the capture must fail with it.
  template <typename CallSomething>
  void during_capture(CallSomething call) {
    Stream capturing = stream();
    ASSERT_TRUE(begin_capture(capturing).ok());
    call(capturing);
    const Result<Graph> graph = end_capture(capturing);
    ASSERT_FALSE(graph.ok());
    EXPECT_NE(graph.status().message().find("CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"), std::string::npos);
  }
};

TEST_F(UseFaultsTest, ACallWithoutAContext) {
  CUevent event = nullptr;
  EXPECT_EQ(device_->api().EventCreate(&event, 0), CUDA_ERROR_INVALID_CONTEXT);
  expect_faults({"has no current context"});
}

TEST_F(UseFaultsTest, AStreamOfAnotherContext) {
  Stream stream = this->stream();
  const auto other = std::move(*Device::open(driver_, 1));
  const ContextScope scope(*other);
  EXPECT_EQ(other->api().StreamSynchronize(stream.get()), CUDA_ERROR_INVALID_CONTEXT);
  expect_faults({"uses a stream of device 0 with the context of device 1"});
}

TEST_F(UseFaultsTest, AnEventOfAnotherContext) {
  const auto other = std::move(*Device::open(driver_, 1));
  Stream stream = std::move(*Stream::create(*other));
  const Event here = event();
  EXPECT_FALSE(stream.wait(here).ok());
  expect_faults({"uses an event of device 0 with the context of device 1"});
}

TEST_F(UseFaultsTest, MemoryReleasedInAnotherContext) {
  const DeviceBuffer here = buffer(64);
  const auto other = std::move(*Device::open(driver_, 1));
  const ContextScope scope(*other);
  EXPECT_EQ(other->api().MemFree(here.address()), CUDA_ERROR_INVALID_CONTEXT);
  expect_faults({"of device 0 with the context of device 1"});
}

TEST_F(UseFaultsTest, AContextThatEndsBeforeWhatBelongsToIt) {
  const ContextScope scope(*device_);
  CUevent event = nullptr;
  ASSERT_EQ(device_->api().EventCreate(&event, 0), CUDA_SUCCESS);
  ASSERT_EQ(device_->api().DevicePrimaryCtxRelease(0), CUDA_SUCCESS);
  CUcontext context = nullptr;
  ASSERT_EQ(device_->api().DevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
  ASSERT_EQ(device_->api().EventDestroy(event), CUDA_SUCCESS);
  expect_faults({"ends the context of device 0, of which 1 objects are still alive, such as an event"});
}

TEST_F(UseFaultsTest, AStreamThatWasDestroyed) {
  CUstream gone = nullptr;
  {
    const Stream stream = this->stream();
    gone = stream.get();
  }
  const ContextScope scope(*device_);
  EXPECT_EQ(device_->api().StreamSynchronize(gone), CUDA_ERROR_INVALID_HANDLE);
  expect_faults({"which was destroyed"});
}

TEST_F(UseFaultsTest, TheDefaultStream) {
  const ContextScope scope(*device_);
  EXPECT_EQ(device_->api().StreamSynchronize(nullptr), CUDA_ERROR_NOT_SUPPORTED);
  expect_faults({"uses a default stream"});
}

TEST_F(UseFaultsTest, AnAllocationDuringACapture) {
  during_capture([&](Stream&) { EXPECT_FALSE(DevicePool::create(device_, "model")->take(64).ok()); });
  expect_faults({"cuMemAlloc_v2"});
}

TEST_F(UseFaultsTest, AReleaseOfMemoryThatTheCaptureUses) {
  const ContextScope scope(*device_);
  CUdeviceptr memory = 0;
  ASSERT_EQ(device_->api().MemAlloc(&memory, 64), CUDA_SUCCESS);
  during_capture([&](Stream& capturing) {
    EXPECT_TRUE(fill(capturing, memory, std::byte{1}, 64).ok());
    EXPECT_EQ(device_->api().MemFree(memory), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  });
  ASSERT_EQ(device_->api().MemFree(memory), CUDA_SUCCESS) << "it was not released";
  expect_faults({"cuMemFree_v2"});
}

TEST_F(UseFaultsTest, ASynchronousCopyDuringACapture) {
  const ContextScope scope(*device_);
  const DeviceBuffer device = buffer(64);
  std::array<std::byte, 64> host{};
  during_capture([&](Stream&) {
    EXPECT_EQ(cuMemcpyHtoD(device.address(), host.data(), 64), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  });
  expect_faults({"may not happen while a stream captures"});
}

TEST_F(UseFaultsTest, WaitingForACapturingStream) {
  during_capture([&](Stream& capturing) { EXPECT_FALSE(capturing.synchronize().ok()); });
  expect_faults({"waits for a stream that captures"});
}

TEST_F(UseFaultsTest, ACopyOfOrdinaryMemoryDuringACapture) {
  const DeviceBuffer device = buffer(64);
  std::array<std::byte, 64> host{};
  during_capture([&](Stream& capturing) { EXPECT_FALSE(copy_to_device(capturing, device.address(), host).ok()); });
  expect_faults({"captures a copy of ordinary host memory"});
}

TEST_F(UseFaultsTest, ACaptureEndsOnTheThreadThatBeganIt) {
  Stream capturing = stream();
  ASSERT_TRUE(begin_capture(capturing).ok());
  std::thread other([&] {
    const Result<Graph> graph = end_capture(capturing);
    ASSERT_FALSE(graph.ok());
    EXPECT_NE(graph.status().message().find("CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD"), std::string::npos);
  });
  other.join();
  EXPECT_TRUE(end_capture(capturing).ok());
}

TEST_F(UseFaultsTest, AGraphWhoseMemoryIsGone) {
  Stream stream = this->stream();
  Result<GraphExec> exec = [&]() -> Result<GraphExec> {
    const DeviceBuffer device = buffer(64);
    PYSERVER_RETURN_IF_ERROR(begin_capture(stream));
    PYSERVER_RETURN_IF_ERROR(fill(stream, device.address(), std::byte{1}, 64));
    const Result<Graph> graph = end_capture(stream);
    return GraphExec::instantiate(*device_, *graph);
  }();
  ASSERT_TRUE(exec.ok());
  EXPECT_FALSE(exec->launch(stream).ok());
  ASSERT_EQ(fakeFaultCount(), 1U);
  const std::string fault = fakeFault(0);
  EXPECT_TRUE(fault.starts_with("cuGraphLaunch (call ")) << fault;
  EXPECT_NE(fault.find("launches cuMemsetD8Async (call "), std::string::npos) << fault;
  EXPECT_NE(fault.find("which cuMemFree_v2 (call "), std::string::npos) << fault;
  fakeClearFaults();
}

TEST_F(UseFaultsTest, AFunctionOfTheHostThatCallsCuda) {
  Stream stream = this->stream();
  std::string message;
  ASSERT_TRUE(stream.call_on_host([&] { message = device_->memory().status().message(); }).ok());
  ASSERT_TRUE(stream.synchronize().ok());
  EXPECT_NE(message.find("CUDA_ERROR_NOT_PERMITTED"), std::string::npos) << message;
  expect_faults({"is called by a host function"});
}

TEST_F(UseFaultsTest, AfterAKernelFailedEveryCallFailsAndNoFunctionOfTheHostIsCalled) {
  bool called = false;
  {
    Stream stream = this->stream();
    const DeviceBuffer device = buffer(64);
    fakeHoldStream(stream.get());
    ASSERT_EQ(launch_named(stream, "fail", {}), CUDA_SUCCESS);
    ASSERT_TRUE(stream.call_on_host([](void* argument) { *static_cast<bool*>(argument) = true; }, &called).ok());
    fakeReleaseStream(stream.get());
    const Status waited = stream.synchronize();
    EXPECT_EQ(waited.message(), "waiting for a stream: CUDA_ERROR_LAUNCH_FAILED (719): unspecified launch failure");
    EXPECT_FALSE(stream.idle().ok());
    EXPECT_FALSE(fill(stream, device.address(), std::byte{1}, 64).ok());
  }
  EXPECT_FALSE(called);
  release_failures_ = 2;  // the stream and the buffer: both are released, and both releases return the failure
}

}  // namespace
}  // namespace pyserver::cuda
