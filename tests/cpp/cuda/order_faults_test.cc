// The double finds accesses that nothing orders, whoever happens to be first.
#include <future>
#include <optional>
#include <thread>

#include "cuda_fixtures.h"

namespace pyserver::cuda {
namespace {

class OrderFaultsTest : public CudaTest {
 protected:
  void SetUp() override {
    CudaTest::SetUp();
    memory_ = buffer(64);
    first_.emplace(stream());
    second_.emplace(stream());
  }
  void TearDown() override {
    EXPECT_TRUE(first_->synchronize().ok());
    EXPECT_TRUE(second_->synchronize().ok());
    first_.reset();
    second_.reset();
    memory_ = DeviceBuffer();
    CudaTest::TearDown();
  }
  Status write(Stream& stream) { return fill(stream, memory_.address(), std::byte{1}, 64); }
  CUresult touch(Stream& stream, std::size_t begin, std::size_t end, int kind) {
    return launch_named(stream, "spin_us", {{memory_.address() + begin, end - begin, kind}});
  }

  DeviceBuffer memory_;
  std::optional<Stream> first_;
  std::optional<Stream> second_;
};

TEST_F(OrderFaultsTest, TwoWritesOnTwoStreams) {
  ASSERT_TRUE(write(*first_).ok());
  ASSERT_TRUE(write(*second_).ok());
  ASSERT_EQ(fakeFaultCount(), 1U);
  const std::string fault = fakeFault(0);
  EXPECT_NE(fault.find("writes bytes 0 to 64 of the device memory"), std::string::npos) << fault;
  EXPECT_NE(fault.find(", of which cuMemsetD8Async (call "), std::string::npos) << fault;
  EXPECT_NE(fault.find(") writes bytes 0 to 64: nothing orders the two"), std::string::npos) << fault;
  fakeClearFaults();
}

TEST_F(OrderFaultsTest, AReadAndAWrite) {
  ASSERT_EQ(touch(*first_, 0, 40, FAKE_READ), CUDA_SUCCESS);
  ASSERT_EQ(touch(*second_, 39, 64, FAKE_WRITE), CUDA_SUCCESS);
  expect_faults({"reads bytes 0 to 40: nothing orders the two"});
}

TEST_F(OrderFaultsTest, AlsoWhereTheFirstHasLongRun) {
  ASSERT_TRUE(write(*first_).ok());
  while (fakeStreamIdle(first_->get()) == 0) std::this_thread::yield();
  ASSERT_TRUE(write(*second_).ok());
  expect_faults({"nothing orders the two"});
}

TEST_F(OrderFaultsTest, ReadsAndDifferentBytesNeedNoOrder) {
  ASSERT_EQ(touch(*first_, 0, 32, FAKE_READ), CUDA_SUCCESS);
  ASSERT_EQ(touch(*second_, 0, 32, FAKE_READ), CUDA_SUCCESS);
  ASSERT_EQ(touch(*first_, 32, 48, FAKE_WRITE), CUDA_SUCCESS);
  ASSERT_EQ(touch(*second_, 48, 64, FAKE_WRITE), CUDA_SUCCESS);
  expect_faults({});
}

TEST_F(OrderFaultsTest, AnEventOrders) {
  const Event written = event();
  ASSERT_TRUE(write(*first_).ok());
  ASSERT_TRUE(first_->record(written).ok());
  ASSERT_TRUE(second_->wait(written).ok());
  ASSERT_TRUE(write(*second_).ok());
  expect_faults({});
}

TEST_F(OrderFaultsTest, AnEventThatWasRecordedTooEarlyDoesNot) {
  const Event early = event();
  ASSERT_TRUE(first_->record(early).ok());
  ASSERT_TRUE(write(*first_).ok());
  ASSERT_TRUE(second_->wait(early).ok());
  ASSERT_TRUE(write(*second_).ok());
  expect_faults({"nothing orders the two"});
}

TEST_F(OrderFaultsTest, WhatTheHostWaitedForIsOrdered) {
  const Event written = event();
  ASSERT_TRUE(write(*first_).ok());
  ASSERT_TRUE(first_->synchronize().ok());
  ASSERT_TRUE(write(*second_).ok());
  ASSERT_TRUE(second_->record(written).ok());
  ASSERT_TRUE(written.synchronize().ok());
  ASSERT_TRUE(write(*first_).ok());
  ASSERT_TRUE(first_->record(written).ok());
  while (!*written.reached()) std::this_thread::yield();
  ASSERT_TRUE(write(*second_).ok());
  expect_faults({});
}

TEST_F(OrderFaultsTest, AFunctionOfTheHostOrders) {
  std::promise<void> called;
  ASSERT_TRUE(write(*first_).ok());
  ASSERT_TRUE(first_->call_on_host([&] { called.set_value(); }).ok());
  called.get_future().wait();
  ASSERT_TRUE(write(*second_).ok());
  expect_faults({});
}

TEST_F(OrderFaultsTest, ACopyFromOrdinaryMemoryReadsWhenItIsCalled) {
  std::vector<std::byte> source(64, std::byte{3});
  PinnedBytes target(*device_, 64);
  const std::size_t slow = fakePageableCopies();
  fakeHoldStream(first_->get());
  ASSERT_TRUE(copy_to_device(*first_, memory_.address(), source).ok());
  source.assign(64, std::byte{4});
  ASSERT_TRUE(copy_from_device(*first_, target.bytes(), memory_.address()).ok());
  fakeReleaseStream(first_->get());
  ASSERT_TRUE(first_->synchronize().ok());
  EXPECT_EQ(target.data()[0], std::byte{3});
  EXPECT_EQ(fakePageableCopies(), slow + 1);
}

TEST_F(OrderFaultsTest, ACopyToOrdinaryMemoryWaits) {
  std::vector<std::byte> target(64);
  ASSERT_EQ(launch_named(*first_, "spin_us", {}, 2000), CUDA_SUCCESS);
  ASSERT_TRUE(write(*first_).ok());
  ASSERT_TRUE(copy_from_device(*first_, target, memory_.address()).ok());
  EXPECT_EQ(target[63], std::byte{1});
  ASSERT_TRUE(write(*second_).ok());
  expect_faults({});
}

TEST_F(OrderFaultsTest, ASynchronousCopyIsOrderedWithNoStream) {
  std::vector<std::byte> target(64);
  ASSERT_TRUE(write(*first_).ok());
  const ContextScope scope(*device_);
  ASSERT_EQ(cuMemcpyDtoH(target.data(), memory_.address(), 64), CUDA_SUCCESS);
  expect_faults({"reads bytes 0 to 64"});
}

TEST_F(OrderFaultsTest, BranchesOfAGraphAreNotOrdered) {
  const Event forked = event();
  const Event joined = event();
  ASSERT_TRUE(begin_capture(*first_).ok());
  ASSERT_TRUE(first_->record(forked).ok());
  ASSERT_TRUE(second_->wait(forked).ok());
  ASSERT_TRUE(write(*first_).ok());
  ASSERT_TRUE(write(*second_).ok());
  ASSERT_TRUE(second_->record(joined).ok());
  ASSERT_TRUE(first_->wait(joined).ok());
  const Result<Graph> graph = end_capture(*first_);
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  Result<GraphExec> exec = GraphExec::instantiate(*device_, *graph);
  expect_faults({});
  ASSERT_TRUE(exec->launch(*first_).ok());
  expect_faults({"launches cuMemsetD8Async"});
}

TEST_F(OrderFaultsTest, AGraphIsOrderedWithItsStream) {
  ASSERT_TRUE(begin_capture(*first_).ok());
  ASSERT_TRUE(write(*first_).ok());
  const Result<Graph> graph = end_capture(*first_);
  Result<GraphExec> exec = GraphExec::instantiate(*device_, *graph);
  ASSERT_TRUE(write(*first_).ok());
  ASSERT_TRUE(exec->launch(*first_).ok());
  ASSERT_TRUE(write(*first_).ok());
  expect_faults({});
  ASSERT_TRUE(exec->launch(*second_).ok());
  expect_faults({"nothing orders the two"});
}

}  // namespace
}  // namespace pyserver::cuda
