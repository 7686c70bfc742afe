// Wrong chains are refused when they are made, and the sentence says which op, where, what it expected and what came.
#include "ops/op_testing.h"

namespace pyserver {
namespace {

const RowSpec kPicture{Datatype::kUint8, {-1, -1, 3}};
const RowSpec kScores{Datatype::kFp32, {10}};
const RowSpec kText{Datatype::kBytes, {}};

TEST(OpRefusals, Cast) {
  EXPECT_EQ(refusal({{"cast", {}}}, kText), "op 1 (cast): expected numbers, got BYTES []");
  EXPECT_EQ(refusal({{"cast", {{"", std::string("BYTES")}}}}, kScores),
            "cast: 'to': expected one of FP32, FP16, BF16, FP64, BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, "
            "INT32, INT64, got 'BYTES'");
}

TEST(OpRefusals, ToTensor) {
  EXPECT_EQ(refusal({{"to_tensor", {}}}, kScores),
            "op 1 (to_tensor): expected a picture of UINT8 [height, width, channels], got FP32 [10]");
}

TEST(OpRefusals, Layout) {
  EXPECT_EQ(refusal({{"layout", {}}}, kScores), "op 1 (layout): expected a picture of 3 dimensions, got FP32 [10]");
}

TEST(OpRefusals, Normalize) {
  const std::vector<double> three{1, 2, 3};
  EXPECT_EQ(refusal({{"normalize", {}}}, kText), "op 1 (normalize): expected numbers, got BYTES []");
  EXPECT_EQ(refusal({{"normalize", {{"mean", three}}}}, kScores),
            "op 1 (normalize): expected 3 channels as the last dimension, one for each mean and std, got FP32 [10]");
  EXPECT_EQ(
      refusal({{"normalize", {{"std", three}, {"channels", std::string("first")}}}}, {Datatype::kUint8, {224, 224, 3}}),
      "op 1 (normalize): expected 3 channels as the first dimension, one for each mean and std, got UINT8 [224, "
      "224, 3]");
  EXPECT_EQ(refusal({{"normalize", {{"mean", three}, {"std", std::vector<double>{1, 2}}}}}, kPicture),
            "normalize: 'std': expected as many numbers as mean, 3, got 2");
  EXPECT_EQ(refusal({{"normalize", {{"std", std::vector<double>{1, 0, 1}}}}}, kPicture),
            "normalize: 'std': expected numbers that FP32 can hold, none of them 0");
  EXPECT_EQ(refusal({{"normalize", {{"mean", 1e300}}}}, kPicture),
            "normalize: 'mean': expected numbers that FP32 can hold");
  EXPECT_EQ(refusal({{"normalize", {{"mean", std::vector<double>{}}}}}, kPicture),
            "normalize: 'mean': expected at least one number");
}

TEST(OpRefusals, AlongAnAxis) {
  for (const std::string name : {"softmax", "l2_normalize"}) {
    EXPECT_EQ(refusal({{name, {}}}, kPicture),
              "op 1 (" + name + "): expected FP16, BF16, FP32 or FP64, got UINT8 [-1, -1, 3]");
  }
  EXPECT_EQ(refusal({{"argmax", {}}}, kText), "op 1 (argmax): expected numbers, got BYTES []");
  for (const std::string name : {"softmax", "l2_normalize", "argmax"}) {
    EXPECT_EQ(refusal({{name, {{"axis", std::int64_t{1}}}}}, kScores),
              "op 1 (" + name + "): expected a row with an axis 1, got FP32 [10]");
    EXPECT_EQ(refusal({{name, {}}}, {Datatype::kFp32, {}}),
              "op 1 (" + name + "): expected a row with an axis -1, got FP32 []");
    EXPECT_EQ(refusal({{name, {}}}, {Datatype::kFp32, {3, 0}}),
              "op 1 (" + name + "): expected at least one element along axis -1, got FP32 [3, 0]");
  }
}

TEST(OpRefusals, OfElements) {
  EXPECT_EQ(refusal({{"sigmoid", {}}}, {Datatype::kInt8, {2}}),
            "op 1 (sigmoid): expected FP16, BF16, FP32 or FP64, got INT8 [2]");
  EXPECT_EQ(refusal({{"round", {}}}, {Datatype::kInt8, {2}}),
            "op 1 (round): expected FP16, BF16, FP32 or FP64, got INT8 [2]");
  EXPECT_EQ(refusal({{"threshold", {{"", 0.5}}}}, kText), "op 1 (threshold): expected numbers, got BYTES []");
  EXPECT_EQ(refusal({{"threshold", {}}}, kScores), "threshold: 'at': expected a number, got nothing");
}

TEST(OpRefusals, Dequantize) {
  EXPECT_EQ(refusal({{"dequantize", {}}}, kScores),
            "op 1 (dequantize): expected INT8, UINT8, INT16, UINT16 or INT32, got FP32 [10]");
  EXPECT_EQ(
      refusal({{"dequantize", {{"scale", std::vector<double>{1, 2}}}}}, {Datatype::kInt8, {4, 3}}),
      "op 1 (dequantize): expected 2 elements along the axis, one for each scale and zero_point, got INT8 [4, 3]");
  EXPECT_EQ(refusal({{"dequantize", {{"scale", 0.0}}}}, {Datatype::kInt8, {4}}),
            "dequantize: 'scale': expected positive numbers that FP32 can hold");
  EXPECT_EQ(refusal({{"dequantize", {{"zero_point", 0.5}}}}, {Datatype::kInt8, {4}}),
            "dequantize: 'zero_point': expected whole numbers");
  EXPECT_EQ(refusal({{"dequantize", {{"zero_point", 128.0}}}}, {Datatype::kInt8, {4}}),
            "op 1 (dequantize): expected a zero_point that is a number of the row's datatype, got 128 and INT8 [4]");
}

TEST(OpRefusals, TopK) {
  const std::vector<std::string> labels{"cat", "dog"};
  EXPECT_EQ(refusal({{"top_k", {}}}, kText), "op 1 (top_k): expected numbers, got BYTES []");
  EXPECT_EQ(refusal({{"top_k", {}}}, {Datatype::kFp32, {}}),
            "op 1 (top_k): expected scores along the last dimension, got FP32 []");
  EXPECT_EQ(refusal({{"top_k", {{"labels", labels}}}}, kScores),
            "op 1 (top_k): expected as many scores as labels, 2, got FP32 [10]");
  EXPECT_EQ(refusal({{"top_k", {{"form", std::string("label")}}}}, kScores),
            "top_k: 'form': expected classification where there are no labels");
}

TEST(OpRefusals, Nms) {
  EXPECT_EQ(refusal({{"nms", {}}}, kScores),
            "op 1 (nms): expected boxes and scores of FP16, BF16, FP32 or FP64 [boxes, 4 + classes], got FP32 [10]");
  EXPECT_EQ(
      refusal({{"nms", {{"objectness", true}, {"transposed", true}}}}, {Datatype::kFp32, {5, 100}}),
      "op 1 (nms): expected boxes and scores of FP16, BF16, FP32 or FP64 [5 + classes, boxes], got FP32 [5, 100]");
  EXPECT_EQ(refusal({{"nms", {{"labels", std::vector<std::string>{"cat", "dog"}}}}}, {Datatype::kFp32, {-1, 7}}),
            "op 1 (nms): expected the scores of 2 classes, as many as labels, got 3 in FP32 [-1, 7]");
}

TEST(OpRefusals, AChainNamesTheOpItsPlaceAndTheMismatch) {
  const NamedOp layout{"layout", {}};
  const NamedOp normalize{"normalize", {{"mean", std::vector<double>{1, 2, 3}}}};
  EXPECT_EQ(refusal({normalize, layout}, {Datatype::kUint8, {224, 224, 3}}), "");
  EXPECT_EQ(
      refusal({layout, normalize}, {Datatype::kUint8, {224, 224, 3}}),
      "op 2 (normalize): expected 3 channels as the last dimension, one for each mean and std, got UINT8 [3, 224, "
      "224]");
  EXPECT_EQ(refusal({normalize, {"to_tensor", {}}}, kPicture),
            "op 2 (to_tensor): expected a picture of UINT8 [height, width, channels], got FP32 [-1, -1, 3]");
  EXPECT_EQ(refusal({{"argmax", {}}, {"softmax", {}}}, kScores),
            "op 2 (softmax): expected FP16, BF16, FP32 or FP64, got INT64 []");
  EXPECT_EQ(refusal({{"softmax", {}}, {"top_k", {}}, {"cast", {}}}, kScores),
            "op 2 (top_k): it gives texts, and no op can follow it");
  EXPECT_EQ(refusal({{"threshold", {{"", 0.5}}}, {"normalize", {}}}, kScores),
            "op 2 (normalize): expected numbers, got BOOL [10]");
}

TEST(OpRefusals, AFreeDimensionIsJudgedWhenARowComes) {
  const auto chain = chain_of({{"normalize", {{"mean", std::vector<double>{1, 2, 3}}}}, {"layout", {}}},
                              {Datatype::kUint8, {-1, -1, -1}});
  ASSERT_TRUE(chain.ok());
  const std::vector<std::byte> bytes(16);
  EXPECT_EQ(chain->plan({"", Datatype::kUint8, {2, 2, 4}, bytes}).status(),
            invalid_argument("normalize+layout: expected 3 channels as the last dimension, one for each mean and std, "
                             "got UINT8 [2, 2, 4]"));
  const auto softmax = chain_of({{"softmax", {}}}, {Datatype::kFp32, {-1}});
  ASSERT_TRUE(softmax.ok());
  EXPECT_EQ(softmax->plan({"", Datatype::kFp32, {0}, {}}).status(),
            invalid_argument("softmax: expected at least one element along axis -1, got FP32 [0]"));
}

TEST(OpRefusals, AFractionIsANumber) {
  const auto scale_of = [](const std::string& text) {
    OpOptions options({{"scale", text}});
    const double scale = options.number("scale", 7, -10, 10);
    return options.status().ok() ? scale : -1;
  };
  EXPECT_EQ(scale_of("1/255"), 1.0 / 255);
  EXPECT_EQ(scale_of("-0.5/2e-1"), -2.5);
  for (const std::string wrong : {"", "/", "1/", "/2", "1", "1/0", "0/0", "1/2/3", "1 /2", "nan/1", "100/1"}) {
    EXPECT_EQ(scale_of(wrong), -1) << wrong;
  }
}

}  // namespace
}  // namespace pyserver
