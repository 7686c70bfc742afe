// What goes wrong on a device: each failure is one batch's, unless the device itself has failed.
#include <cstdlib>
#include <thread>

#include "cuda_graph/device_models.h"

namespace pyserver::test {
namespace {

class GraphFailureTest : public DeviceTest {};

TEST_F(GraphFailureTest, WithStrictGraphsABatchWithoutAGraphIsAnError) {
  CudaGraphOptions options = scale_options(4);
  options.strict_graphs = true;
  ASSERT_TRUE(begin(options).ok());
  for (std::size_t lane = 0; lane < 2; ++lane) {
    const auto enqueue = [&] { return enqueue_scale(builder->lane(lane), 2); };
    ASSERT_TRUE(builder->record({lane, 2, 0}, enqueue, {}, nullptr).ok());
    const auto never = [](std::int64_t, const GraphModel::Shapes&) -> Result<ShapesByName> {
      ADD_FAILURE() << "strict_graphs was not heeded";
      return ShapesByName{};
    };
    ASSERT_TRUE(builder->run_uncaptured(lane, never).ok());
  }
  finish();
  std::vector<float> y;
  EXPECT_TRUE(execute(counted(1), y).ok());
  const Status status = execute(counted(3), y);
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "no graph was captured for 3 rows of x [3], and strict_graphs is set; graphs were captured for 2 rows of x "
            "[3]");
  EXPECT_EQ(counter("graph_misses"), 1u);
  EXPECT_EQ(counter("uncaptured_batches"), 0u);
}

TEST_F(GraphFailureTest, WithoutStrictGraphsItIsExecutedAllTheSame_AndCounted) {
  ASSERT_TRUE(begin(scale_options(4)).ok());
  for (std::size_t lane = 0; lane < 2; ++lane) {
    Lane& own = builder->lane(lane);
    const auto run = [&own](std::int64_t rows, const GraphModel::Shapes& shapes) -> Result<ShapesByName> {
      EXPECT_EQ(shapes, (GraphModel::Shapes{{kColumns}}));
      PYSERVER_RETURN_IF_ERROR(enqueue_scale(own, rows));
      return ShapesByName{};
    };
    ASSERT_TRUE(builder->run_uncaptured(lane, run).ok());
  }
  finish();
  std::vector<float> y;
  ASSERT_TRUE(execute(counted(3), y).ok());
  EXPECT_EQ(y, doubled(counted(3)));
  EXPECT_EQ(counter("graph_misses"), 1u);
  EXPECT_EQ(counter("uncaptured_batches"), 1u);
  EXPECT_EQ(counter("padding_rows"), 0u);
  EXPECT_EQ(execute(counted(5), y).code(), StatusCode::kInvalidArgument) << "more than the lane's memory holds";
}

TEST_F(GraphFailureTest, WhatExecutesUncapturedMayFail) {
  ASSERT_TRUE(begin(scale_options(4)).ok());
  for (std::size_t lane = 0; lane < 2; ++lane) {
    const auto fail = [](std::int64_t rows, const GraphModel::Shapes&) -> Result<ShapesByName> {
      if (rows == 1) return internal_error("the model's own sentence");
      return ShapesByName{{"y", {9}}};
    };
    ASSERT_TRUE(builder->run_uncaptured(lane, fail).ok());
  }
  finish();
  std::vector<float> y;
  EXPECT_EQ(execute(counted(1), y).message(), "the model's own sentence");
  EXPECT_EQ(execute(counted(2), y).message(),
            "the model's shapes are wrong: output 'y': expected a complete shape within [3], got [9]");
  EXPECT_EQ(counter("failed_batches"), 2u);
}

TEST_F(GraphFailureTest, MoreThanTheDeviceHoldsIsRefusedWithWhatWasWanted) {
  CudaGraphOptions options = scale_options(8);
  options.signature.inputs[0].shape = {1 << 30};
  const Status status = begin(options);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("inputs and outputs of 8 rows in 2 lanes (instances x lanes) need 34359738464 bytes "
                                  "each: "),
            std::string::npos)
      << status.message();
  serve(scale_options(1));
  std::vector<float> y;
  EXPECT_TRUE(execute(counted(1), y).ok());
}

TEST_F(GraphFailureTest, WhicheverCallTheDriverRefusesItIsOneBatchsFailure) {
  serve(scale_options(4));
  std::vector<float> y;
  ASSERT_TRUE(execute(counted(3), y).ok());
  const std::size_t before = fakeCalls("");
  ASSERT_TRUE(execute(counted(3), y).ok());
  const std::size_t calls = fakeCalls("") - before;
  std::uint64_t refused = 0;
  for (std::size_t call = 0; call < calls; ++call) {
    fakeFailCall("", call, CUDA_ERROR_UNKNOWN);
    const Status status = execute(counted(3), y);
    fakeFailCall("a function that nobody calls", 0, CUDA_SUCCESS);  // where the batch made fewer calls
    if (!status.ok()) {
      ++refused;
      EXPECT_EQ(status.code(), StatusCode::kInternal) << status.message();
      EXPECT_NE(status.message().find("CUDA_ERROR_UNKNOWN"), std::string::npos) << status.message();
    }
    ASSERT_TRUE(execute(counted(2), y).ok()) << "after call " << call;
    EXPECT_EQ(y, doubled(counted(2)));
  }
  EXPECT_GE(refused, 10u);
}

// On a device of its own: it is gone afterwards.
class FailedDeviceTest : public DeviceTest {
 protected:
  FailedDeviceTest() : DeviceTest(1) {}
};

TEST_F(FailedDeviceTest, EndsTheWaitAndFailsEveryLaterBatchAtOnce) {
  serve(scale_options(2), [](const Lane& lane, std::int64_t rows) {
    PYSERVER_RETURN_IF_ERROR(enqueue_scale(lane, rows));
    if (rows == 1) return Status();
    const FakeAccess output{lane.buffers.output(0), 4, FAKE_WRITE};
    return launched(fakeLaunchNamed(lane.streams->compute.get(), "fail", nullptr, 0, &output, 1));
  });
  std::vector<float> y;
  ASSERT_TRUE(execute(counted(1), y).ok());
  const Status first = execute(counted(2), y);
  EXPECT_EQ(first.code(), StatusCode::kInternal);
  EXPECT_NE(first.message().find("CUDA_ERROR_LAUNCH_FAILED"), std::string::npos) << first.message();
  const std::size_t copies = fakeCalls("cuMemcpyHtoDAsync_v2");
  for (std::size_t lane = 0; lane < 2; ++lane) {
    const Status later = execute(counted(1), y, lane);
    EXPECT_EQ(later.code(), StatusCode::kUnavailable);
    EXPECT_NE(later.message().find("the GPU failed and executes nothing until the server is started again: "),
              std::string::npos)
        << later.message();
  }
  EXPECT_EQ(fakeCalls("cuMemcpyHtoDAsync_v2"), copies) << "a device that has failed is not asked again";
}

class SecondDeviceTest : public DeviceTest {
 protected:
  SecondDeviceTest() : DeviceTest(2) {}
};

TEST_F(SecondDeviceTest, TwoDevicesServeSideBySide) {
  serve(scale_options(4));
  EXPECT_EQ(engine->device(), "cuda:2");
  const auto other_device = open(0);
  auto other = CudaGraphBuilder::create({other_device, pool, allocator.get()}, scale_options(4));
  ASSERT_TRUE(other.ok());
  for (std::size_t lane = 0; lane < 2; ++lane) {
    for (const std::int64_t rows : other->model().buckets().buckets()) {
      const auto enqueue = [&] { return enqueue_scale(other->lane(lane), rows); };
      ASSERT_TRUE(other->record({lane, rows, 0}, enqueue, {}, nullptr).ok());
    }
  }
  auto other_engine = other->build();
  ASSERT_TRUE(other_engine.ok());
  std::vector<float> y;
  ASSERT_TRUE(execute(counted(3), y).ok());
  instances[1] = *(*other_engine)->create_instance(0);
  ASSERT_TRUE(execute(counted(3), y, 1).ok());
  EXPECT_EQ(y, doubled(counted(3)));
  instances.clear();
}

}  // namespace
}  // namespace pyserver::test
