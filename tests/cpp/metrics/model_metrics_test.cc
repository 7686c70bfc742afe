#include "metrics/model_metrics.h"

#include <gtest/gtest.h>

namespace pyserver {
namespace {

constexpr std::size_t index_of(StatusCode code) { return static_cast<std::size_t>(code); }

TEST(ModelMetrics, KeepsTheTimeOfAnswersAndOfRefusalsApart) {
  ModelMetrics metrics;
  metrics.record_request({.code = StatusCode::kOk, .queue_ns = 2000, .total_ns = 9000});
  metrics.record_request({.code = StatusCode::kOk, .queue_ns = 4000, .total_ns = 11000});
  metrics.record_request({.code = StatusCode::kInvalidArgument, .queue_ns = 0, .total_ns = 100});
  const ModelMetricsSnapshot snapshot = metrics.snapshot();
  EXPECT_EQ(snapshot.requests_by_code[index_of(StatusCode::kOk)], 2u);
  EXPECT_EQ(snapshot.requests_by_code[index_of(StatusCode::kInvalidArgument)], 1u);
  EXPECT_EQ(snapshot.success_ns, 20000u);
  EXPECT_EQ(snapshot.failure_ns, 100u);
  EXPECT_EQ(snapshot.latency_us.count, 2u);
  EXPECT_EQ(snapshot.latency_us.max, 11u);
}

TEST(ModelMetrics, CountsInTheQueueOnlyWhatReachedAnInstance) {
  ModelMetrics metrics;
  metrics.record_request({.code = StatusCode::kOk, .queue_ns = 3000, .total_ns = 9000});
  metrics.record_request({.code = StatusCode::kResourceExhausted, .queue_ns = 0, .total_ns = 10});
  const ModelMetricsSnapshot snapshot = metrics.snapshot();
  EXPECT_EQ(snapshot.queue_count, 1u);
  EXPECT_EQ(snapshot.queue_ns, 3000u);
  EXPECT_EQ(snapshot.queue_us.count, 1u);
}

TEST(ModelMetrics, CountsBatchesBySizeAndLeavesOutThoseThatFailed) {
  ModelMetrics metrics;
  const BatchRecord eight{.rows = 8, .requests = 5, .gather_ns = 1, .execute_ns = 4000};
  metrics.record_batch(eight);
  metrics.record_batch(eight);
  metrics.record_batch({.rows = 1, .requests = 1, .gather_ns = 0, .execute_ns = 1000});
  metrics.record_batch({.rows = 8, .requests = 8, .gather_ns = 1, .execute_ns = 9, .ok = false});
  metrics.record_answers(8, 2);
  metrics.record_answers(8, 2);
  metrics.record_answers(1, 1);
  const ModelMetricsSnapshot snapshot = metrics.snapshot();
  EXPECT_EQ(snapshot.inferences, 17u);
  EXPECT_EQ(snapshot.batches, 3u);
  EXPECT_EQ(snapshot.executed_requests, 11u);
  EXPECT_EQ(snapshot.execute_ns, 9000u);
  EXPECT_EQ(snapshot.respond_ns, 5u);
  ASSERT_EQ(snapshot.batch_sizes.size(), 2u);
  EXPECT_EQ(snapshot.batch_sizes[0].rows, 1u);
  EXPECT_EQ(snapshot.batch_sizes[1].rows, 8u);
  EXPECT_EQ(snapshot.batch_sizes[1].batches, 2u);
  EXPECT_EQ(snapshot.batch_sizes[1].execute_ns, 8000u);
  EXPECT_EQ(snapshot.batch_sizes[1].respond_ns, 4u);
  EXPECT_EQ(snapshot.batch_rows.max, 8u);
  EXPECT_EQ(snapshot.execute_us.max, 4u);
  EXPECT_GT(snapshot.last_inference_unix_ms, 0u);
}

TEST(ModelMetrics, CountsBatchesTooLargeForTheTableInTheTotals) {
  ModelMetrics metrics;
  metrics.record_batch({.rows = ModelMetrics::kTrackedRows, .requests = 1});
  metrics.record_batch({.rows = ModelMetrics::kTrackedRows + 1, .requests = 1});
  const ModelMetricsSnapshot snapshot = metrics.snapshot();
  EXPECT_EQ(snapshot.batches, 2u);
  ASSERT_EQ(snapshot.batch_sizes.size(), 1u);
  EXPECT_EQ(snapshot.batch_sizes[0].rows, static_cast<std::uint64_t>(ModelMetrics::kTrackedRows));
}

TEST(ModelMetrics, CountsANumberThatIsNoCodeAsUnknown) {
  ModelMetrics metrics;
  metrics.record_request({.code = static_cast<StatusCode>(99), .queue_ns = 0, .total_ns = 1});
  EXPECT_EQ(metrics.snapshot().requests_by_code[index_of(StatusCode::kUnknown)], 1u);
}

}  // namespace
}  // namespace pyserver
