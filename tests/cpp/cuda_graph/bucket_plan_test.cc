#include "engines/cuda_graph/bucket_plan.h"

#include <gtest/gtest.h>

#include <limits>

namespace pyserver {
namespace {

using Sizes = std::vector<std::int64_t>;

Sizes buckets_of(std::int64_t max_batch_size, const Sizes& given = {}, const Sizes& preferred = {}) {
  const auto plan = BucketPlan::create(max_batch_size, given, preferred);
  if (!plan.ok()) return {};
  return {plan->buckets().begin(), plan->buckets().end()};
}

TEST(BucketPlanTest, WithoutAWishThereIsOneForEachPowerOfTwoAndOneForTheLargestBatch) {
  EXPECT_EQ(buckets_of(1), (Sizes{1}));
  EXPECT_EQ(buckets_of(8), (Sizes{1, 2, 4, 8}));
  EXPECT_EQ(buckets_of(12), (Sizes{1, 2, 4, 8, 12}));
}

TEST(BucketPlanTest, AModelThatDoesNotBatchHasOneRow) { EXPECT_EQ(buckets_of(0), (Sizes{1})); }

TEST(BucketPlanTest, PreferredSizesGetTheirOwn) { EXPECT_EQ(buckets_of(8, {}, {6, 4}), (Sizes{1, 2, 4, 6, 8})); }

TEST(BucketPlanTest, GivenSizesReplaceThoseChosenButTheLargestBatchStaysPossible) {
  EXPECT_EQ(buckets_of(16, {4, 4, 1}, {6}), (Sizes{1, 4, 16}));
}

TEST(BucketPlanTest, AnEnormousBatchDoesNotOverflow) {
  EXPECT_EQ(buckets_of(std::numeric_limits<std::int64_t>::max()).size(), 64u);
}

TEST(BucketPlanTest, SizesThatNoBatchHasAreRefusedByName) {
  const Sizes zero{0}, nine{9};
  EXPECT_EQ(BucketPlan::create(8, nine, {}).status().message(), "buckets: expected sizes from 1 to 8, got 9");
  EXPECT_EQ(BucketPlan::create(8, {}, zero).status().message(), "preferred sizes: expected sizes from 1 to 8, got 0");
  EXPECT_EQ(BucketPlan::create(-1, {}, {}).status().code(), StatusCode::kInvalidArgument);
}

TEST(BucketPlanTest, ThereIsALimitToTheNumberOfGraphs) {
  Sizes all;
  for (std::int64_t size = 1; size <= 300; ++size) all.push_back(size);
  EXPECT_EQ(BucketPlan::create(300, all, {}).status().code(), StatusCode::kInvalidArgument);
}

TEST(BucketPlanTest, EveryBatchGoesToTheSmallestBucketThatHoldsIt) {
  const auto plan = BucketPlan::create(12, {}, {});
  ASSERT_TRUE(plan.ok());
  for (std::int64_t rows = 1; rows <= 12; ++rows) {
    const auto index = plan->index_for(rows);
    ASSERT_TRUE(index.has_value()) << rows;
    EXPECT_GE(plan->buckets()[*index], rows);
    if (*index > 0) {
      EXPECT_LT(plan->buckets()[*index - 1], rows);
    }
  }
  EXPECT_FALSE(plan->index_for(0));
  EXPECT_FALSE(plan->index_for(13));
}

TEST(BucketPlanTest, OnlyABucketItselfIsFoundByItsSize) {
  const auto plan = BucketPlan::create(8, {}, {});
  EXPECT_EQ(plan->index_of(4), 2u);
  EXPECT_FALSE(plan->index_of(3));
  EXPECT_FALSE(plan->index_of(16));
}

}  // namespace
}  // namespace pyserver
