#include "metrics/histogram.h"

#include <gtest/gtest.h>

#include <limits>
#include <thread>
#include <vector>

namespace pyserver {
namespace {

TEST(Histogram, PutsEveryValueIntoABucketThatEndsAtMostOneSixteenthAboveIt) {
  for (std::uint64_t value = 0; value < (std::uint64_t{1} << 39); value = value + 1 + value / 7) {
    const std::uint64_t upper = Histogram::upper_bound_of(Histogram::bucket_of(value));
    EXPECT_GE(upper, value);
    EXPECT_LE(upper - value, value / Histogram::kSubBuckets) << value;
  }
}

TEST(Histogram, HasBucketsWithoutGapsOrOverlaps) {
  for (int bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    const std::uint64_t upper = Histogram::upper_bound_of(bucket);
    EXPECT_EQ(Histogram::bucket_of(upper), bucket);
    if (bucket + 1 < Histogram::kBuckets) {
      EXPECT_EQ(Histogram::bucket_of(upper + 1), bucket + 1);
    }
  }
}

TEST(Histogram, CountsValuesBeyondItsRangeInTheLastBucket) {
  Histogram histogram;
  histogram.record(std::numeric_limits<std::uint64_t>::max());
  const HistogramSnapshot snapshot = histogram.snapshot();
  ASSERT_EQ(snapshot.buckets.size(), 1u);
  EXPECT_EQ(snapshot.buckets[0].upper, (std::uint64_t{1} << Histogram::kMaxExponent) - 1);
  EXPECT_EQ(snapshot.max, snapshot.buckets[0].upper);
}

TEST(Histogram, AnswersQuantilesWithinItsError) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 1000; ++value) histogram.record(value);
  const HistogramSnapshot snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.count, 1000u);
  EXPECT_EQ(snapshot.sum, 500500u);
  EXPECT_DOUBLE_EQ(snapshot.mean(), 500.5);
  EXPECT_EQ(snapshot.quantile(0.0), 1u);
  EXPECT_EQ(snapshot.quantile(1.0), 1000u);  // never above the largest value, though its bucket ends later
  for (const double quantile : {0.1, 0.5, 0.9, 0.99}) {
    const double exact = quantile * 1000;
    EXPECT_GE(static_cast<double>(snapshot.quantile(quantile)), exact);
    EXPECT_LE(static_cast<double>(snapshot.quantile(quantile)), exact * 1.0625);
  }
}

TEST(Histogram, AnswersZeroWhereNothingWasRecorded) {
  const HistogramSnapshot snapshot = Histogram().snapshot();
  EXPECT_EQ(snapshot.quantile(0.5), 0u);
  EXPECT_EQ(snapshot.mean(), 0.0);
  EXPECT_TRUE(snapshot.buckets.empty());
}

TEST(Histogram, LosesNothingWhenManyThreadsRecord) {
  constexpr std::uint64_t kEach = 20000;
  Histogram histogram;
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&histogram, thread] {
      for (std::uint64_t value = 0; value < kEach; ++value) histogram.record(value * (thread + 1));
    });
  }
  // While they record: what a snapshot counts is in its sum and below its maximum.
  for (int look = 0; look < 50; ++look) {
    const HistogramSnapshot snapshot = histogram.snapshot();
    if (snapshot.count == 0) continue;
    EXPECT_LE(snapshot.quantile(1.0), snapshot.max);
  }
  for (std::thread& thread : threads) thread.join();
  const HistogramSnapshot snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.count, 4 * kEach);
  EXPECT_EQ(snapshot.sum, (1 + 2 + 3 + 4) * (kEach * (kEach - 1) / 2));
  EXPECT_EQ(snapshot.max, 4 * (kEach - 1));
}

}  // namespace
}  // namespace pyserver
