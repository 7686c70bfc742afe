#include "tensor/shape.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace pyserver {
namespace {

constexpr std::int64_t kMax = INT64_MAX;

TEST(Shape, IsAScalarByDefault) {
  const Shape scalar;
  EXPECT_EQ(scalar.rank(), 0u);
  EXPECT_EQ(scalar.element_count(), 1);
  EXPECT_EQ(to_string(scalar), "[]");
}

TEST(Shape, KeepsItsDimensions) {
  Shape shape{2, 3, 4};
  EXPECT_EQ(shape.rank(), 3u);
  EXPECT_EQ(shape[1], 3);
  shape[1] = 5;
  EXPECT_EQ(shape, (Shape{2, 5, 4}));
  EXPECT_EQ(shape, Shape(std::vector<std::int64_t>{2, 5, 4}));
}

TEST(Shape, EqualsOnlyTheSameDimensionsOfTheSameRank) {
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{2}), (Shape{2, 0}));
  EXPECT_NE((Shape{}), (Shape{0}));
}

TEST(Shape, GrowsToItsLargestRankAndNoFurther) {
  Shape shape;
  for (std::size_t axis = 0; axis < Shape::kMaxRank; ++axis) EXPECT_TRUE(shape.push_back(1));
  EXPECT_FALSE(shape.push_back(2));
  EXPECT_EQ(shape.rank(), Shape::kMaxRank);
  EXPECT_EQ(shape.element_count(), 1);
}

TEST(Shape, PutsADimensionInFrontAndTakesItAway) {
  const Shape row{3, 4};
  EXPECT_EQ(row.with_front(8), (Shape{8, 3, 4}));
  EXPECT_EQ(row.with_front(8).without_front(), row);
  EXPECT_EQ(Shape{7}.without_front(), Shape());
}

TEST(Shape, CountsItsElements) {
  EXPECT_EQ((Shape{2, 3, 4}).element_count(), 24);
  EXPECT_EQ((Shape{kMax}).element_count(), kMax);
  EXPECT_EQ((Shape{kMax, 1, 1}).element_count(), kMax);
}

TEST(Shape, IsEmptyWhereverTheZeroStands) {
  EXPECT_EQ((Shape{0}).element_count(), 0);
  EXPECT_EQ((Shape{0, kMax, kMax}).element_count(), 0);
  EXPECT_EQ((Shape{kMax, kMax, 0}).element_count(), 0);
}

TEST(Shape, HasNoCountBeyondTheLargestInteger) {
  EXPECT_FALSE((Shape{kMax, 2}).element_count().has_value());
  EXPECT_FALSE((Shape{std::int64_t{1} << 32, std::int64_t{1} << 31}).element_count().has_value());
  // The product modulo 2^64 is 0, which must not be taken for an empty tensor.
  EXPECT_FALSE((Shape{std::int64_t{1} << 32, std::int64_t{1} << 32}).element_count().has_value());
}

TEST(Shape, HasNoCountWithANegativeDimension) {
  EXPECT_FALSE((Shape{-1, 3}).element_count().has_value());
  EXPECT_FALSE((Shape{-2, -3}).element_count().has_value());
  EXPECT_FALSE((Shape{0, -1}).element_count().has_value());
  EXPECT_FALSE((Shape{kMax, kMax, -1}).element_count().has_value());
}

TEST(Shape, KnowsItsFreeDimensions) {
  EXPECT_TRUE((Shape{2, -1}).has_free_dimension());
  EXPECT_FALSE((Shape{2, 3}).has_free_dimension());
  EXPECT_FALSE(Shape().has_free_dimension());
}

TEST(Shape, AdmitsAnythingInAFreeDimensionAndNothingElseElsewhere) {
  const Shape specification{-1, 3};
  EXPECT_TRUE(specification.admits({7, 3}));
  EXPECT_TRUE(specification.admits({0, 3}));
  EXPECT_FALSE(specification.admits({7, 4}));
  EXPECT_FALSE(specification.admits({7}));
  EXPECT_FALSE(specification.admits({7, 3, 1}));
  EXPECT_FALSE((Shape{2, 3}).admits({-1, 3})) << "a free dimension of the tensor is no licence";
}

TEST(Shape, IsWrittenLikeAList) { EXPECT_EQ(to_string(Shape{1, -1, 64}), "[1, -1, 64]"); }

}  // namespace
}  // namespace pyserver
