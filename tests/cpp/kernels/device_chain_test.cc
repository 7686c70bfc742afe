// Chains on a device, over the doubles of the driver and of NVRTC: what comes out is what the ops of the CPU give, also
// where the chain is captured in a graph.
#include "kernels/device_chain.h"

#include <gtest/gtest.h>

#include <optional>

#include "cuda/copy.h"
#include "cuda/device_memory.h"
#include "cuda/graph.h"
#include "fake_cuda.h"
#include "kernels/host_kernels.h"
#include "kernels/row_samples.h"

namespace pyserver::kernels {
namespace {

using testing::NamedOp;
using testing::Rows;
using List = std::vector<double>;

class DeviceChainTest : public ::testing::Test {
 protected:
  DeviceChainTest() {
    const auto driver = cuda::Driver::open();
    EXPECT_TRUE(driver.ok()) << driver.status().message();
    device_ = *cuda::Device::open(*driver, 0);
    pool_ = cuda::DevicePool::create(device_, "test");
    compiler_ = *KernelCompiler::create("", FAKE_NVRTC);
    stream_.emplace(*cuda::Stream::create(*device_));
  }
  ~DeviceChainTest() override {
    in_ = {};
    out_ = {};
    scratch_ = {};
    chain_.reset();
    stream_.reset();
    pool_.reset();
    device_.reset();
    EXPECT_EQ(fakeReportLeaks(), 0U);
  }

  void make(const std::vector<NamedOp>& ops, const RowSpec& input) {
    auto chain = DeviceChain::create(*device_, *compiler_, testing::make_ops(ops), input);
    ASSERT_TRUE(chain.ok()) << chain.status().message();
    chain_.emplace(*std::move(chain));
  }

  // Buffers of exactly what the chain is promised, the input with these rows.
  void give(const Rows& rows) {
    rows_ = rows;
    in_ = *pool_->take(rows.bytes.size());
    out_ = *pool_->take(chain_->output_bytes() * static_cast<std::size_t>(rows.count));
    if (const std::size_t bytes = chain_->scratch_bytes(rows.count); bytes > 0) scratch_ = *pool_->take(bytes);
    EXPECT_TRUE(cuda::copy_to_device(*stream_, in_.address(), rows_.bytes).ok());
    EXPECT_TRUE(stream_->synchronize().ok());
  }

  Status enqueue() { return chain_->enqueue(*stream_, in_.address(), out_.address(), scratch_.address(), rows_.count); }

  Rows taken() {
    Rows got{chain_->output(), rows_.count, {}};
    got.bytes.resize(out_.size());
    EXPECT_TRUE(cuda::copy_from_device(*stream_, got.bytes, out_.address()).ok());
    EXPECT_TRUE(stream_->synchronize().ok());
    return got;
  }

  std::shared_ptr<const cuda::Device> device_;
  std::shared_ptr<cuda::DevicePool> pool_;
  std::shared_ptr<const KernelCompiler> compiler_;
  std::optional<cuda::Stream> stream_;
  std::optional<DeviceChain> chain_;
  cuda::DeviceBuffer in_;
  cuda::DeviceBuffer out_;
  cuda::DeviceBuffer scratch_;
  Rows rows_;
};

// Four kernels, so that the rows in between take turns on both sides of the scratch.
const std::vector<NamedOp> kPicture = {{"resize", {{"size", List{8, 6}}}},
                                       {"resize", {{"size", List{4, 6}}, {"like", std::string("opencv")}}},
                                       {"normalize", {{"mean", List{1, 2, 3}}, {"std", List{4, 5, 6}}}},
                                       {"layout"}};

TEST_F(DeviceChainTest, ManyKernelsInARowGiveWhatTheCpuGives) {
  const Rows rows = testing::random_rows(Datatype::kUint8, {15, 9, 3}, 7, 1);
  make(kPicture, rows.spec);
  EXPECT_EQ(chain_->kernel_names(), (std::vector<std::string>{"resize", "resize", "resize", "resize", "pixels"}));
  EXPECT_EQ(chain_->op_names(), (std::vector<std::string>{"resize", "resize", "normalize", "layout"}));
  give(rows);
  EXPECT_EQ(enqueue(), Status());
  testing::expect_identical(taken(), testing::run_ops(kPicture, rows));
}

TEST_F(DeviceChainTest, ACapturedChainReadsWhatIsThereAtEachLaunch) {
  const Rows rows = testing::random_rows(Datatype::kUint8, {15, 9, 3}, 4, 2);
  make(kPicture, rows.spec);
  give(rows);
  ASSERT_EQ(cuda::begin_capture(*stream_), Status());
  EXPECT_EQ(enqueue(), Status());
  const auto graph = cuda::end_capture(*stream_);
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  auto executable = cuda::GraphExec::instantiate(*device_, *graph);
  ASSERT_TRUE(executable.ok()) << executable.status().message();
  for (std::uint32_t seed = 2; seed < 4; ++seed) {
    const Rows fresh = testing::random_rows(Datatype::kUint8, {15, 9, 3}, 4, seed);
    EXPECT_TRUE(cuda::copy_to_device(*stream_, in_.address(), fresh.bytes).ok());
    EXPECT_EQ(executable->launch(*stream_), Status());
    testing::expect_identical(taken(), testing::run_ops(kPicture, fresh));
  }
}

TEST_F(DeviceChainTest, MoreRowsThanAGridHasAreAllDone) {
  const Rows rows = testing::random_rows(Datatype::kFp32, {1}, 65537, 3);
  const std::vector<NamedOp> ops = {{"cast", {{"to", std::string("INT8")}}}};
  make(ops, rows.spec);
  EXPECT_EQ(chain_->scratch_bytes(rows.count), 0U);
  give(rows);
  EXPECT_EQ(enqueue(), Status());
  testing::expect_identical(taken(), testing::run_ops(ops, rows));
}

TEST_F(DeviceChainTest, RefusesAddressesThatKernelsCannotReadAtOnce) {
  make(kPicture, {Datatype::kUint8, {15, 9, 3}});
  give(testing::random_rows(Datatype::kUint8, {15, 9, 3}, 1, 4));
  const CUdeviceptr address = in_.address();
  const auto refused = [&](CUdeviceptr in, CUdeviceptr out, CUdeviceptr scratch) {
    return chain_->enqueue(*stream_, in, out, scratch, 1);
  };
  EXPECT_EQ(refused(address + 1, out_.address(), scratch_.address()),
            invalid_argument("device ops: expected the address of the input to be a multiple of 256, got " +
                             std::to_string(address + 1)));
  EXPECT_EQ(refused(address, 0, scratch_.address()).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused(address, out_.address(), 0).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(chain_->enqueue(*stream_, address, out_.address(), scratch_.address(), 0),
            invalid_argument("device ops: expected at least one row, got 0"));
}

TEST_F(DeviceChainTest, WhatHasNoKernelIsRefusedWhenTheChainIsMade) {
  const auto chain = DeviceChain::create(*device_, *compiler_, testing::make_ops({{"round"}}), {Datatype::kFp32, {4}});
  EXPECT_EQ(chain.status(), failed_precondition("op 1 (round): there is no kernel for this round of FP32 [4]"));
}

}  // namespace
}  // namespace pyserver::kernels
