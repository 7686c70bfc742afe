// How graphs are recorded, and what makes no engine.
#include "cuda_graph/device_models.h"

namespace pyserver::test {
namespace {

class GraphBuilderTest : public DeviceTest {
 protected:
  Status record(std::size_t lane, std::int64_t rows, std::size_t profile = 0) {
    return builder->record(
        {lane, rows, profile}, [&] { return enqueue_scale(builder->lane(lane), rows); }, {}, nullptr);
  }
};

TEST_F(GraphBuilderTest, AGraphIsRecordedOnceForABucketThatThereIs) {
  ASSERT_TRUE(begin(scale_options(4)).ok());
  ASSERT_TRUE(record(0, 2).ok());
  EXPECT_EQ(record(0, 2).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(record(0, 2).message(), "there is a graph for 2 rows of x [3] already");
  EXPECT_EQ(record(0, 3).message(), "there is no bucket of 3 rows");
  EXPECT_EQ(record(0, 1, 1).message(), "there are 1 profiles, and no profile 1");
  EXPECT_EQ(record(2, 1).message(), "there are 2 lanes, and no lane 2");
}

TEST_F(GraphBuilderTest, WhatCannotBeEnqueuedEndsTheCaptureCleanly) {
  ASSERT_TRUE(begin(scale_options(1)).ok());
  const auto fails = [] { return invalid_argument("the loader's own sentence"); };
  EXPECT_EQ(builder->record({0, 1, 0}, fails, {}, nullptr).message(), "the loader's own sentence");
  EXPECT_TRUE(record(0, 1).ok()) << "the stream captures again";
}

TEST_F(GraphBuilderTest, AGraphWithoutWorkIsRefused) {
  ASSERT_TRUE(begin(scale_options(1)).ok());
  const Status status = builder->record({0, 1, 0}, [] { return Status(); }, {}, nullptr);
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "nothing was enqueued on the lane's stream: the graph is empty");
}

TEST_F(GraphBuilderTest, AGraphThatSomebodyElseCapturedIsCopied) {
  CudaGraphOptions options = scale_options(1);
  options.lanes = 1;
  ASSERT_TRUE(begin(options).ok());
  {
    const cuda::ContextScope context(*device);
    cuda::Stream& stream = builder->lane(0).streams->compute;
    ASSERT_TRUE(cuda::begin_capture(stream).ok());
    ASSERT_TRUE(enqueue_scale(builder->lane(0), 1).ok());
    const auto graph = cuda::end_capture(stream);
    ASSERT_TRUE(graph.ok());
    ASSERT_TRUE(builder->adopt({0, 1, 0}, graph->get(), {}, nullptr).ok());
  }
  EXPECT_EQ(builder->adopt({0, 1, 0}, nullptr, {}, nullptr).code(), StatusCode::kAlreadyExists);
  finish();
  std::vector<float> y;
  ASSERT_TRUE(execute({1, 2, 3}, y).ok());
  EXPECT_EQ(y, (std::vector<float>{2, 4, 6}));
}

TEST_F(GraphBuilderTest, WhatAGraphUsesIsKeptUntilTheEngineGoes) {
  CudaGraphOptions options = scale_options(1);
  options.lanes = 1;
  ASSERT_TRUE(begin(options).ok());
  auto owner = std::make_shared<const int>(1);
  const std::weak_ptr<const int> kept = owner;
  const auto enqueue = [this] { return enqueue_scale(builder->lane(0), 1); };
  ASSERT_TRUE(builder->record({0, 1, 0}, enqueue, {}, std::move(owner)).ok());
  finish();
  EXPECT_FALSE(kept.expired());
  instances.clear();
  engine.reset();
  EXPECT_TRUE(kept.expired());
}

TEST_F(GraphBuilderTest, EveryLaneNeedsTheSameGraphs) {
  ASSERT_TRUE(begin(scale_options(2)).ok());
  EXPECT_EQ(builder->build().status().message(),
            "lane 0 of instance 0 has no graph, and nothing that may execute a batch without one");
  ASSERT_TRUE(record(0, 1).ok());
  ASSERT_TRUE(record(0, 2).ok());
  ASSERT_TRUE(record(1, 2).ok());
  EXPECT_EQ(builder->build().status().message(),
            "lane 1 of instance 0 has graphs for 2 rows of x [3], but the first lane has them for 1, 2 rows of x [3]");
  ASSERT_TRUE(record(1, 1).ok());
  EXPECT_TRUE(builder->build().ok());
  EXPECT_FALSE(builder->usable());
}

TEST_F(GraphBuilderTest, WithoutOpsTheLanesAreNotMadeAnew) {
  ASSERT_TRUE(begin(scale_options(4)).ok());
  const std::size_t allocations = fakeCalls("cuMemAlloc_v2");
  EXPECT_TRUE(builder->set_preprocess({}).ok());
  EXPECT_TRUE(builder->set_postprocess({}).ok());
  EXPECT_EQ(fakeCalls("cuMemAlloc_v2"), allocations) << "there may be no memory for two of each";
}

TEST_F(GraphBuilderTest, CountsOutOfRangeAreRefused) {
  CudaGraphOptions options = scale_options(1);
  options.lanes = 0;
  EXPECT_EQ(begin(options).message(), "lanes: expected 1 to 16, got 0");
  options = scale_options(1);
  options.instances = 65;
  EXPECT_EQ(begin(options).message(), "instances: expected 1 to 64, got 65");
}

TEST_F(GraphBuilderTest, ABuilderThatIsDroppedLeavesNothing) {
  ASSERT_TRUE(begin(scale_options(4)).ok());
  ASSERT_TRUE(record(0, 2).ok());
}

}  // namespace
}  // namespace pyserver::test
