// crop, center_crop and pad: what they refuse, and where they say that pixels came from.
#include "ops/picture_ops.h"

namespace pyserver {
namespace {

class PlacementTest : public PictureOpsTest {};

TEST_F(PlacementTest, ACropThatDoesNotLieInThePictureIsRefused) {
  const Options crop{
      {"top", std::int64_t{5}}, {"left", std::int64_t{2}}, {"height", std::int64_t{10}}, {"width", std::int64_t{20}}};
  const auto chain = on_any_picture("crop", crop);
  ASSERT_TRUE(chain.ok());
  EXPECT_TRUE(run_on(*chain, 15, 22).ok());
  EXPECT_EQ(run_on(*chain, 14, 22), invalid_argument("crop: a part of [10, 20] at top 5, left 2 does not lie in a "
                                                     "picture of [14, 22]"));
  EXPECT_EQ(chain_of({{"crop", crop}}, {Datatype::kUint8, {15, 21, 3}}).status(),
            invalid_argument("op 1 (crop): a part of [10, 20] at top 5, left 2 does not lie in a picture of [15, 21]"));
  EXPECT_EQ(on_any_picture("crop", {{"height", std::int64_t{5}}}).status(),
            invalid_argument("crop: 'width': it is needed"));
}

TEST_F(PlacementTest, ACenterCropNeedsASize) {
  for (const Options& options : {Options{}, Options{{"", 0.5}}, Options{{"", Numbers{1, 2, 3}}}}) {
    EXPECT_EQ(on_any_picture("center_crop", options).status(),
              invalid_argument("center_crop: 'size': expected a side, or [height, width], in whole pixels from 1 to "
                               "65535"));
  }
}

TEST_F(PlacementTest, APictureThatIsLargerThanWhatItIsPaddedToIsRefused) {
  const auto chain = on_any_picture("pad", {{"width", std::int64_t{320}}});
  ASSERT_TRUE(chain.ok());
  EXPECT_EQ(chain->output().shape, (Shape{-1, 320, 3}));
  EXPECT_TRUE(run_on(*chain, 48, 320).ok());
  EXPECT_EQ(run_on(*chain, 48, 321),
            invalid_argument("pad: a picture of [48, 321] is larger than the [48, 320] to pad it to"));
  EXPECT_EQ(chain_of({{"pad", {{"width", std::int64_t{32}}}}}, {Datatype::kUint8, {4, 33, 3}}).status(),
            invalid_argument("op 1 (pad): a picture of [4, 33] is larger than the [4, 32] to pad it to"));
}

TEST_F(PlacementTest, PadTakesSidesOrASize) {
  EXPECT_EQ(on_any_picture("pad", {}).status(),
            invalid_argument("pad: 'sides': expected sides, or a height or a width to pad to"));
  EXPECT_EQ(on_any_picture("pad", {{"sides", Numbers{1, 2, 3}}}).status(),
            invalid_argument("pad: 'sides': expected [left, top, right, bottom] in whole pixels from 0 to 65535"));
  EXPECT_EQ(on_any_picture("pad", {{"sides", Numbers{1, 2, 3, 4}}, {"width", std::int64_t{9}}}).status(),
            invalid_argument("pad: 'width': it does not go with 'sides'"));
  const auto chain = on_any_picture("pad", {{"sides", Numbers{65535, 0, 0, 0}}});
  ASSERT_TRUE(chain.ok());
  EXPECT_EQ(run_on(*chain, 5, 5),
            invalid_argument("pad: each side of what comes out must be from 1 to 65535 pixels, got [5, 65540]"));
}

TEST_F(PlacementTest, GeometryIsMovedByEachOfThem) {
  const auto chain = chain_of({{"crop",
                                {{"top", std::int64_t{5}},
                                 {"left", std::int64_t{2}},
                                 {"height", std::int64_t{10}},
                                 {"width", std::int64_t{20}}}},
                               {"pad", {{"sides", Numbers{7, 1, 0, 0}}}}},
                              {Datatype::kUint8, {-1, -1, 3}});
  ASSERT_TRUE(run_on(*chain, 40, 60).ok());
  EXPECT_EQ(context_.geometry.source_width, 60);
  EXPECT_EQ(context_.geometry.source_height, 40);
  EXPECT_EQ(context_.geometry.offset_x, 5);
  EXPECT_EQ(context_.geometry.offset_y, -4);
  EXPECT_EQ(context_.geometry.scale_x, 1);
}

}  // namespace
}  // namespace pyserver
