// Batches through captured graphs: every number of rows, wherever its rows lie, and nothing of other batches.
#include <thread>

#include "cuda_graph/device_models.h"

namespace pyserver::test {
namespace {

class GraphExecutionTest : public DeviceTest {};

TEST_F(GraphExecutionTest, EveryNumberOfRowsIsExecutedByTheSmallestBucketThatHoldsIt) {
  serve(scale_options(8));
  std::uint64_t padding = 0;
  std::uint64_t rows_in_all = 0;
  for (const std::int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8}) {
    std::vector<float> y;
    ASSERT_TRUE(execute(counted(rows), y).ok());
    EXPECT_EQ(y, doubled(counted(rows)));
    const std::int64_t bucket = rows == 3 ? 4 : rows > 4 ? 8 : rows;
    padding += static_cast<std::uint64_t>(bucket - rows);
    rows_in_all += static_cast<std::uint64_t>(rows);
  }
  EXPECT_EQ(counter("graph_hits"), 8u);
  EXPECT_EQ(counter("graph_misses"), 0u);
  EXPECT_EQ(counter("batches"), 8u);
  EXPECT_EQ(counter("rows"), rows_in_all);
  EXPECT_EQ(counter("padding_rows"), padding);
  EXPECT_EQ(counter("graphs"), 2u * 4);
}

TEST_F(GraphExecutionTest, PaddingIsZeroWhateverTheBatchBeforeLeftThere) {
  serve(scale_options(8), [](const Lane& lane, std::int64_t rows) { return enqueue_sum_of_all(lane, rows); });
  std::vector<float> y;
  for (const std::int64_t rows : {3, 8, 5, 1, 7, 3}) {
    ASSERT_TRUE(execute(std::vector<float>(static_cast<std::size_t>(rows) * kColumns, 1.0F), y).ok());
    for (const float total : y) EXPECT_EQ(total, static_cast<float>(rows * 3)) << rows;
  }
}

TEST_F(GraphExecutionTest, AGraphThatWorksInPlaceLeavesNothingInTheNextBatchsPadding) {
  serve(scale_options(4), [](const Lane& lane, std::int64_t rows) {
    PYSERVER_RETURN_IF_ERROR(enqueue_sum_of_all(lane, rows));
    const std::uint8_t dirt = 0x3F;
    const FakeAccess input{lane.buffers.input(0), static_cast<std::size_t>(rows) * kColumns * 4, FAKE_WRITE};
    return launched(fakeLaunchNamed(lane.streams->compute.get(), "fill", &dirt, 1, &input, 1));
  });
  std::vector<float> y;
  for (const std::int64_t rows : {4, 3, 3}) {
    ASSERT_TRUE(execute(std::vector<float>(static_cast<std::size_t>(rows) * kColumns, 1.0F), y).ok());
    EXPECT_EQ(y[0], static_cast<float>(rows * 3));
  }
}

TEST_F(GraphExecutionTest, EachRequestsRowsAreCopiedFromWhereTheyLie) {
  serve(scale_options(8));
  const Buffer first = rows_of(counted(2));
  const Buffer second = rows_of(counted(1, 100));
  Buffer third = *pool->take(1 + 2 * kColumns * sizeof(float));  // its rows are not aligned
  const std::vector<float> values = counted(2, 200);
  std::memcpy(third.data() + 1, values.data(), third.size() - 1);
  const std::span<const std::byte> parts[] = {first.bytes(), second.bytes(), third.bytes().subspan(1)};
  std::vector<float> expected = counted(2);
  for (const auto& more : {counted(1, 100), counted(2, 200)}) expected.insert(expected.end(), more.begin(), more.end());
  std::vector<float> y;
  ASSERT_TRUE(execute_parts(parts, y).ok());
  EXPECT_EQ(y, doubled(expected));
  EXPECT_EQ(counter("input_copies"), 3u);
  EXPECT_EQ(counter("pageable_input_copies"), 0u);
  EXPECT_EQ(counter("pageable_output_copies"), 0u);
}

TEST_F(GraphExecutionTest, MemoryThatIsNotPageLockedIsRightToo_AndCounted) {
  serve(scale_options(8));
  const std::vector<float> ordinary = counted(3);
  const std::span<const std::byte> part = std::as_bytes(std::span(ordinary));
  std::vector<float> y;
  ASSERT_TRUE(execute_parts({&part, 1}, y).ok());
  EXPECT_EQ(y, doubled(counted(3)));
  EXPECT_EQ(counter("pageable_input_copies"), 1u);
}

TEST_F(GraphExecutionTest, WhatLiesOnTheDeviceAlreadyDoesNotCrossTheBus) {
  serve(scale_options(4));
  const auto memory = cuda::DevicePool::create(device, "client");
  const auto shared = memory->take(kColumns * sizeof(float));
  ASSERT_TRUE(shared.ok());
  const Buffer on_host = rows_of(counted(1));
  auto stream = cuda::Stream::create(*device);
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE(cuda::copy_to_device(*stream, shared->address(), on_host.bytes()).ok());
  ASSERT_TRUE(stream->synchronize().ok());
  const Buffer other = rows_of(counted(1, 50));
  const std::span<const std::byte> parts[] = {on_host.bytes(), other.bytes()};
  const std::uint64_t device_parts[] = {shared->address(), 0};
  std::vector<float> y;
  ASSERT_TRUE(execute_parts(parts, y, 0, kColumns, device_parts).ok());
  EXPECT_EQ(y, (std::vector<float>{2, 4, 6, 100, 102, 104}));
  EXPECT_EQ(counter("device_input_copies"), 1u);
  EXPECT_EQ(counter("input_copies"), 1u);
}

TEST_F(GraphExecutionTest, ABatchOfAnotherProfileGetsItsGraph) {
  CudaGraphOptions options = scale_options(4);
  options.signature.inputs[0].shape = {kFreeDimension};
  options.signature.outputs[0].shape = {kFreeDimension};
  options.profiles = {{{"x", {3}}}, {{"x", {5}}}};
  options.max_output_shapes = {{"y", {5}}};
  ASSERT_TRUE(begin(options).ok());
  for (std::size_t lane = 0; lane < builder->lane_count(); ++lane) {
    for (const std::int64_t rows : builder->model().buckets().buckets()) {
      for (std::size_t profile = 0; profile < 2; ++profile) {
        const std::int64_t columns = profile == 0 ? 3 : 5;
        const auto enqueue = [&] {
          return enqueue_scale(builder->lane(lane), rows, static_cast<std::size_t>(columns));
        };
        ASSERT_TRUE(builder->record({lane, rows, profile}, enqueue, {{"y", {columns}}}, nullptr).ok());
      }
    }
  }
  finish();
  std::vector<float> y;
  ASSERT_TRUE(execute({1, 2, 3, 4, 5, 6}, y, 0, 3).ok());
  EXPECT_EQ(y, (std::vector<float>{2, 4, 6, 8, 10, 12}));
  ASSERT_TRUE(execute({1, 2, 3, 4, 5}, y, 0, 5).ok());
  EXPECT_EQ(y, (std::vector<float>{2, 4, 6, 8, 10}));
  EXPECT_EQ(counter("graph_hits"), 2u);
  const Status miss = execute({1, 2, 3, 4}, y, 0, 4);
  EXPECT_EQ(miss.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(
      miss.message(),
      "no graph was captured for 1 rows of x [4]; graphs were captured for 1, 2, 4 rows of x [3]; 1, 2, 4 rows of "
      "x [5]");
}

TEST_F(GraphExecutionTest, AModelThatDoesNotBatchIsExecutedOneRequestAtATime) {
  serve(scale_options(0));
  std::vector<float> y;
  ASSERT_TRUE(execute({1, 2, 3}, y).ok());
  EXPECT_EQ(y, (std::vector<float>{2, 4, 6}));
  EXPECT_EQ(counter("padding_rows"), 0u);
}

TEST_F(GraphExecutionTest, EveryInstanceAndEveryLaneHasItsOwnMemoryAndGraphs) {
  CudaGraphOptions options = scale_options(4);
  options.instances = 2;
  options.lanes = 2;
  serve(options);
  ASSERT_EQ(instances.size(), 4u);
  EXPECT_EQ(engine->create_instance(0).status().code(), StatusCode::kFailedPrecondition);
  std::vector<std::thread> threads;
  for (std::size_t lane = 0; lane < 4; ++lane) {
    threads.emplace_back([this, lane] {
      for (int round = 0; round < 25; ++round) {
        const std::vector<float> x = counted(1 + round % 4, static_cast<float>(lane * 1000));
        std::vector<float> y;
        EXPECT_TRUE(execute(x, y, lane).ok());
        EXPECT_EQ(y, doubled(x));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter("batches"), 100u);
}

TEST_F(GraphExecutionTest, ALaneThatIsGivenBackIsGivenOutAgain) {
  serve(scale_options(1));
  instances.pop_back();
  EXPECT_TRUE(engine->create_instance(0).ok());
}

TEST_F(GraphExecutionTest, TheEngineSaysHowItWantsToBeUsed) {
  serve(scale_options(1));
  EXPECT_EQ(engine->device(), "cuda:0");
  EXPECT_EQ(engine->name(), "test");
  EXPECT_FALSE(engine->may_run_inline());
  EXPECT_EQ(engine->instance_groups()[0].threads, 0);
  EXPECT_TRUE(instances[0]->gathers());
}

TEST_F(GraphExecutionTest, ABatchInOnePieceIsExecutedLikewise) {
  serve(scale_options(4));
  const Buffer bytes = rows_of(counted(2));
  const TensorView input{"x", Datatype::kFp32, {2, kColumns}, bytes.bytes()};
  std::vector<TensorView> outputs;
  ASSERT_TRUE(instances[0]->execute({&input, 1}, outputs).ok());
  EXPECT_EQ(outputs[0].bytes.size(), bytes.size());
}

TEST_F(GraphExecutionTest, AnswersThatAreLentStayWhileTheNextBatchIsExecuted) {
  serve(scale_options(1));
  const Buffer first = rows_of({1, 2, 3});
  const TensorView input{"x", Datatype::kFp32, {1, kColumns}, first.bytes()};
  std::vector<TensorView> outputs;
  ASSERT_TRUE(instances[0]->execute({&input, 1}, outputs).ok());
  const std::shared_ptr<const void> lent = instances[0]->share_outputs();
  std::vector<float> y;
  ASSERT_TRUE(execute({7, 8, 9}, y).ok());
  float kept = 0;
  std::memcpy(&kept, outputs[0].bytes.data(), sizeof kept);
  EXPECT_EQ(kept, 2);
}

TEST_F(GraphExecutionTest, ABatchWithoutRowsIsRefused) {
  serve(scale_options(4));
  std::vector<float> y;
  EXPECT_EQ(execute_parts({}, y).code(), StatusCode::kInvalidArgument);
}

TEST_F(GraphExecutionTest, PartsThatAreNotTheBatchAreNeverCopied) {
  serve(scale_options(4));
  const Buffer one = rows_of(counted(1));
  const std::span<const std::byte> part = one.bytes();
  const ScatteredTensor wrong{{"x", Datatype::kFp32, {2, kColumns}, {}}, {&part, 1}, {}};
  std::vector<TensorView> outputs;
  const Status status = instances[0]->execute_scattered({&wrong, 1}, outputs);
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_EQ(status.message(), "input 'x': expected 24 bytes in all parts, got 12");
}

}  // namespace
}  // namespace pyserver::test
