#include <cstring>

#include "ops/picture_ops.h"

namespace pyserver {
namespace {

class ResizeTest : public PictureOpsTest {};

Status refusal(const Options& options) { return on_any_picture("resize", options).status(); }

TEST_F(ResizeTest, TellsItsShapeAsFarAsItIsKnown) {
  const auto output = [](const Options& options, const Shape& input) {
    return chain_of({{"resize", options}}, {Datatype::kFp32, input})->output().shape;
  };
  EXPECT_EQ(output({{"", std::int64_t{224}}}, {-1, -1, 3}), (Shape{224, 224, 3}));
  EXPECT_EQ(output({{"size", Numbers{48, -1}}}, {-1, -1, 4}), (Shape{48, -1, 4}));
  EXPECT_EQ(output({{"size", Numbers{48, -1}}}, {100, 200, 1}), (Shape{48, 96, 1}));
  const Options shorter{{"size", std::int64_t{256}}, {"mode", std::string("shorter_side")}};
  EXPECT_EQ(output(shorter, {-1, -1, 3}), (Shape{-1, -1, 3}));
  EXPECT_EQ(output(shorter, {375, 500, 3}), (Shape{256, 341, 3}));
  const Options letterbox{{"size", Numbers{640, 320}}, {"mode", std::string("letterbox")}};
  EXPECT_EQ(output(letterbox, {-1, 10, 3}), (Shape{640, 320, 3}));
}

TEST_F(ResizeTest, RefusesWhatIsNoPictureWhenTheModelLoads) {
  const auto on = [](const RowSpec& input) { return chain_of({{"resize", {{"", std::int64_t{8}}}}}, input).status(); };
  EXPECT_EQ(on({Datatype::kUint8, {-1, -1, 2}}),
            invalid_argument("op 1 (resize): expected a picture of UINT8 or FP32 [height, width, 1, 3 or 4], got UINT8 "
                             "[-1, -1, 2]"));
  EXPECT_EQ(on({Datatype::kFp16, {-1, -1, 3}}),
            invalid_argument("op 1 (resize): expected a picture of UINT8 or FP32 [height, width, 1, 3 or 4], got FP16 "
                             "[-1, -1, 3]"));
  EXPECT_EQ(
      on({Datatype::kUint8, {70000, -1, 3}}),
      invalid_argument("op 1 (resize): each side of the picture must be from 1 to 65535 pixels, got [70000, -1]"));
}

TEST_F(ResizeTest, RefusesOptionsThatDoNotGoTogether) {
  const std::string sides =
      "resize: 'size': expected a side, or [height, width] of which one may be -1, in whole pixels from 1 to 65535";
  EXPECT_EQ(refusal({}), invalid_argument(sides));
  for (const Numbers& size : {Numbers{}, {-1}, {-1, -1}, {0, 5}, {5.5}, {1, 2, 3}, {65536}, {-2, 5}}) {
    EXPECT_EQ(refusal({{"size", size}}), invalid_argument(sides));
  }
  EXPECT_EQ(refusal({{"size", Numbers{5, 6}}, {"mode", std::string("limit_min")}}),
            invalid_argument("resize: 'size': expected one side: this mode takes no [height, width]"));
  EXPECT_EQ(refusal({{"size", Numbers{5, -1}}, {"mode", std::string("letterbox")}}),
            invalid_argument("resize: 'size': a side of -1 goes with mode exact only"));
  EXPECT_EQ(refusal({{"size", std::int64_t{5}}, {"rounding", std::string("up")}}),
            invalid_argument("resize: 'rounding': it is for a side of -1"));
  EXPECT_EQ(refusal({{"size", Numbers{-1, 5}}, {"max_width", std::int64_t{5}}}),
            invalid_argument("resize: 'max_width': it is for a width of -1"));
  EXPECT_EQ(refusal({{"size", std::int64_t{5}}, {"mode", std::string("letterbox")}, {"multiple_of", std::int64_t{2}}}),
            invalid_argument("resize: 'multiple_of': it does not go with mode letterbox"));
  EXPECT_EQ(refusal({{"size", std::int64_t{5}}, {"filter", std::string("lanczos")}, {"like", std::string("opencv")}}),
            invalid_argument("resize: 'filter': lanczos does not go with like: opencv"));
  EXPECT_TRUE(refusal({{"size", std::int64_t{5}}, {"pad_value", std::int64_t{5}}})
                  .message()
                  .starts_with("resize: 'pad_value' is no option of it: expected "));
}

TEST_F(ResizeTest, RefusesAColourThatAPictureCannotHave) {
  const auto with = [](const Numbers& colour) {
    return refusal({{"size", std::int64_t{8}}, {"mode", std::string("letterbox")}, {"pad_value", colour}});
  };
  EXPECT_EQ(with({1, 2}), invalid_argument("resize: 'pad_value': expected one number or one for each channel, got 2"));
  EXPECT_EQ(with({1, 2, 3, 4}), invalid_argument("op 1 (resize): 'pad_value': expected one number or 3, one for each "
                                                 "channel, got 4"));
  EXPECT_EQ(with({256}), invalid_argument("op 1 (resize): 'pad_value': expected whole numbers from 0 to 255 for a "
                                          "picture of UINT8"));
}

TEST_F(ResizeTest, RefusesPicturesThatWouldVanishOrGrowTooLarge) {
  const auto thin = on_any_picture("resize", {{"size", Numbers{10, -1}}});
  ASSERT_TRUE(thin.ok());
  EXPECT_EQ(run_on(*thin, 100, 2), invalid_argument("resize: a picture of [100, 2] would become one of [10, 0]: each "
                                                    "side must be from 1 to 65535 pixels"));
  EXPECT_EQ(run_on(*thin, 1, 10000), invalid_argument("resize: a picture of [1, 10000] would become one of [10, "
                                                      "100000]: each side must be from 1 to 65535 pixels"));
  EXPECT_EQ(run_on(*thin, 0, 5), invalid_argument("resize: each side of the picture must be from 1 to 65535 pixels, "
                                                  "got [0, 5]"));
  EXPECT_EQ(chain_of({{"resize", {{"size", Numbers{10, -1}}}}}, {Datatype::kUint8, {100, 2, 3}}).status(),
            invalid_argument("op 1 (resize): a picture of [100, 2] would become one of [10, 0]: each side must be from "
                             "1 to 65535 pixels"));
}

TEST_F(ResizeTest, WithoutMemoryTheRowIsRefused) {
  const auto pool = BufferPool::create(allocator_, {.max_bytes = 1, .max_idle_bytes = 0});
  ChainContext poor(*pool);
  const auto chain = on_any_picture("resize", {{"", std::int64_t{4}}});
  const auto bytes = random_bytes(7 * 9 * 3);
  std::vector<std::byte> output(4 * 4 * 3);
  const Status status = chain->run({"", Datatype::kUint8, {7, 9, 3}, bytes}, output, poor);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(status.message().starts_with("resize: no memory for ")) << status.message();
}

TEST_F(ResizeTest, BytesOfFloatsMayBeginAnywhere) {
  const auto chain = chain_of({{"resize", {{"", std::int64_t{5}}}}}, {Datatype::kFp32, {-1, -1, 3}});
  const std::vector<float> picture(7 * 9 * 3, 0.25F);
  std::vector<std::byte> bytes(picture.size() * 4 + 1);
  std::memcpy(bytes.data() + 1, picture.data(), bytes.size() - 1);
  const auto output = run(*chain, {7, 9, 3}, std::span(bytes).subspan(1));
  ASSERT_TRUE(output.ok());
  const std::vector<float> expected(5 * 5 * 3, 0.25F);
  EXPECT_EQ(std::memcmp(output->data(), expected.data(), output->size()), 0);
}

TEST_F(ResizeTest, GeometryLeadsBackToTheSource) {
  const auto chain = chain_of({{"resize", {{"size", std::int64_t{256}}, {"mode", std::string("shorter_side")}}},
                               {"center_crop", {{"", std::int64_t{224}}}}},
                              {Datatype::kUint8, {-1, -1, 3}});
  ASSERT_TRUE(run_on(*chain, 375, 500).ok());
  const PictureGeometry& geometry = context_.geometry;
  EXPECT_EQ(geometry.source_width, 500);
  EXPECT_EQ(geometry.source_height, 375);
  EXPECT_DOUBLE_EQ(geometry.scale_x, 341.0 / 500);
  EXPECT_DOUBLE_EQ(geometry.scale_y, 256.0 / 375);
  EXPECT_DOUBLE_EQ(geometry.offset_x, -58);
  EXPECT_DOUBLE_EQ(geometry.offset_y, -16);
  // A letterbox, and another resize after it.
  const auto boxed = chain_of({{"resize", {{"size", std::int64_t{640}}, {"mode", std::string("letterbox")}}},
                               {"resize", {{"", std::int64_t{320}}}}},
                              {Datatype::kUint8, {-1, -1, 3}});
  ASSERT_TRUE(run_on(*boxed, 100, 200).ok());
  EXPECT_EQ(context_.geometry.source_width, 200);
  EXPECT_DOUBLE_EQ(context_.geometry.scale_x, 1.6);
  EXPECT_DOUBLE_EQ(context_.geometry.scale_y, 1.6);
  EXPECT_DOUBLE_EQ(context_.geometry.offset_x, 0);
  EXPECT_DOUBLE_EQ(context_.geometry.offset_y, 80);
}

// A window of a resized picture, computed alone, has the pixels that it has in the whole.
TEST_F(ResizeTest, WithACropItGivesWhatTheTwoGiveApart) {
  std::mt19937 engine(7);
  const auto draw = [&engine](std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(engine);
  };
  const std::vector<std::string> filters{"bilinear", "bicubic", "nearest", "area"};
  for (int round = 0; round < 400; ++round) {
    const Datatype datatype = round % 2 == 0 ? Datatype::kUint8 : Datatype::kFp32;
    const std::int64_t channels = std::vector<std::int64_t>{1, 3, 4}[static_cast<std::size_t>(round % 3)];
    const Shape source{draw(1, 70), draw(1, 70), channels};
    const Shape resized{draw(2, 70), draw(2, 70), channels};
    const Options resize{{"size", Numbers{static_cast<double>(resized[0]), static_cast<double>(resized[1])}},
                         {"filter", filters[static_cast<std::size_t>(draw(0, 3))]},
                         {"like", std::string(round % 4 < 2 ? "pillow" : "opencv")}};
    const std::pair<std::string, Options> crop =
        round % 5 < 3 ? std::pair<std::string, Options>{"center_crop",
                                                        {{"size", Numbers{static_cast<double>(draw(1, 80)),
                                                                          static_cast<double>(draw(1, 80))}}}}
                      : std::pair<std::string, Options>{"crop",
                                                        {{"top", draw(0, 1)},
                                                         {"height", draw(1, resized[0] - 1)},
                                                         {"left", draw(0, 1)},
                                                         {"width", draw(1, resized[1] - 1)}}};
    std::vector<std::byte> picture =
        random_bytes(static_cast<std::size_t>(*source.element_count()) * size_of(datatype));
    if (datatype == Datatype::kFp32) {  // floats of any size, all finite
      for (std::size_t at = 3; at < picture.size(); at += 4) picture[at] &= std::byte{0xbe};
    }
    const auto together = chain_of({{"resize", resize}, crop}, {datatype, {-1, -1, channels}});
    const auto first = chain_of({{"resize", resize}}, {datatype, {-1, -1, channels}});
    const auto second = chain_of({crop}, {datatype, {-1, -1, channels}});
    ASSERT_TRUE(together.ok() && first.ok() && second.ok());
    const auto between = run(*first, source, picture);
    ASSERT_TRUE(between.ok());
    const PictureGeometry first_geometry = context_.geometry;
    const auto expected = run(*second, planned_, *between);
    ASSERT_TRUE(expected.ok()) << expected.status().message();
    const PictureGeometry second_geometry = context_.geometry;
    const Shape expected_shape = planned_;
    const auto got = run(*together, source, picture);
    ASSERT_TRUE(got.ok()) << got.status().message();
    EXPECT_EQ(planned_, expected_shape);
    ASSERT_EQ(std::memcmp(got->data(), expected->data(), expected->size()), 0) << "round " << round;
    EXPECT_EQ(context_.geometry.scale_x, first_geometry.scale_x);
    EXPECT_EQ(context_.geometry.offset_y, second_geometry.offset_y);
  }
}

TEST_F(ResizeTest, WithACropItComputesNoMoreThanTheWindow) {
  const auto resize = make_op("resize", OpOptions({{"", std::int64_t{256}}}));
  const auto crop = make_op("center_crop", OpOptions({{"", std::int64_t{224}}}));
  const auto fused = (*resize)->fused_with(**crop);
  ASSERT_NE(fused, nullptr);
  EXPECT_EQ(fused->name(), "resize");
  EXPECT_EQ(*fused->check({Datatype::kUint8, {-1, -1, 3}}), (RowSpec{Datatype::kUint8, {224, 224, 3}}));
  EXPECT_EQ(fused->fused_with(**crop), nullptr);
  const auto letterbox = make_op("resize", OpOptions({{"", std::int64_t{256}}, {"mode", std::string("letterbox")}}));
  EXPECT_EQ((*letterbox)->fused_with(**crop), nullptr);
}

}  // namespace
}  // namespace pyserver
