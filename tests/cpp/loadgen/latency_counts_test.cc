#include "loadgen/latency_counts.h"

#include <gtest/gtest.h>

namespace pyserver::loadgen::test {
namespace {

TEST(LatencyCounts, BucketsAreThoseThatPythonHas) {
  EXPECT_EQ(LatencyCounts::bucket_of(0), 0u);
  EXPECT_EQ(LatencyCounts::bucket_of(127), 127u);
  EXPECT_EQ(LatencyCounts::bucket_of(128), 128u);
  EXPECT_EQ(LatencyCounts::bucket_of(255), 255u);
  EXPECT_EQ(LatencyCounts::bucket_of(256), 256u);
  EXPECT_EQ(LatencyCounts::bucket_of(257), 256u);
  EXPECT_EQ(LatencyCounts::bucket_of(258), 257u);
  // 1 ms: bit_width 20, so e = 12, and (12 + 1) * 128 + (1,000,000 >> 12) - 128.
  EXPECT_EQ(LatencyCounts::bucket_of(1'000'000), 13u * 128 + 244 - 128);
}

TEST(LatencyCounts, EveryValueLiesInItsBucketWhichIsNarrow) {
  for (std::uint64_t value = 1; value < LatencyCounts::kLargest; value += 1 + value / 37) {
    const std::size_t bucket = LatencyCounts::bucket_of(value);
    const std::uint64_t low = LatencyCounts::lower_bound_of(bucket);
    const std::uint64_t next = LatencyCounts::lower_bound_of(bucket + 1);
    ASSERT_LE(low, value);
    ASSERT_LT(value, next);
    ASSERT_LE(static_cast<double>(next - low), std::max(1.0, 0.008 * static_cast<double>(value)));
  }
}

TEST(LatencyCounts, CountsSumsAndRemembersTheLargest) {
  LatencyCounts counts;
  counts.record(5);
  counts.record(5);
  counts.record(1'000'000);
  counts.record(-3);  // a clock that went back
  using Buckets = std::vector<std::pair<std::uint32_t, std::uint64_t>>;
  EXPECT_EQ(counts.buckets(), (Buckets{{0, 1}, {5, 2}, {13 * 128 + 244 - 128, 1}}));
  EXPECT_EQ(counts.sum(), 1'000'010u);
  EXPECT_EQ(counts.max(), 1'000'000u);
}

TEST(LatencyCounts, WhatIsBeyondTheLastBucketIsCountedInIt) {
  LatencyCounts counts;
  counts.record(INT64_MAX);
  ASSERT_EQ(counts.buckets().size(), 1u);
  EXPECT_EQ(counts.buckets()[0].first, LatencyCounts::bucket_of(LatencyCounts::kLargest));
}

TEST(LatencyCounts, AddsOthers) {
  LatencyCounts one, other;
  one.record(7);
  other.record(7);
  other.record(9);
  one.add(other);
  using Buckets = std::vector<std::pair<std::uint32_t, std::uint64_t>>;
  EXPECT_EQ(one.buckets(), (Buckets{{7, 2}, {9, 1}}));
  EXPECT_EQ(one.sum(), 23u);
  EXPECT_EQ(one.max(), 9u);
}

}  // namespace
}  // namespace pyserver::loadgen::test
