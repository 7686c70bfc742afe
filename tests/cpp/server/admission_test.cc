#include "server/admission.h"

#include <gtest/gtest.h>

namespace pyserver {
namespace {

const ModelSignature kModel = {
    .inputs = {{"image", Datatype::kUint8, {8, kFreeDimension}}, {"scale", Datatype::kFp32, {1}, true}},
    .outputs = {{"label", Datatype::kInt64, {}}},
    .max_batch_size = 4};

TensorView image(Shape shape) { return {"image", Datatype::kUint8, shape, {}}; }
TensorView scale(Shape shape) { return {"scale", Datatype::kFp32, shape, {}}; }

Status admit_inputs(std::initializer_list<TensorView> inputs, Request& request) {
  request.model = "m";
  request.inputs.assign(inputs);
  return admit(kModel, request);
}

std::string refusal(std::initializer_list<TensorView> inputs) {
  Request request;
  const Status status = admit_inputs(inputs, request);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  return status.message();
}

TEST(Admission, ArrangesInputsInTheSignaturesOrder) {
  Request request;
  ASSERT_TRUE(admit_inputs({scale({3, 1}), image({3, 8, 5})}, request).ok());
  EXPECT_EQ(request.inputs[0].name, "image");
  EXPECT_EQ(request.inputs[1].name, "scale");
  EXPECT_EQ(request.rows, 3);
}

TEST(Admission, LeavesAnAbsentOptionalInputNameless) {
  Request request;
  ASSERT_TRUE(admit_inputs({image({2, 8, 5})}, request).ok());
  ASSERT_EQ(request.inputs.size(), 2u);
  EXPECT_TRUE(request.inputs[1].name.empty());
}

TEST(Admission, NamesTheInputThatIsMissing) {
  EXPECT_EQ(refusal({scale({1, 1})}), "model 'm': input 'image' is missing: expected 'image', 'scale', got 1 input");
}

TEST(Admission, NamesTheInputThatIsUnknown) {
  EXPECT_EQ(refusal({image({1, 8, 5}), {"mask", Datatype::kBool, {1}, {}}}),
            "model 'm': input 'mask' is unknown: expected 'image', 'scale'");
}

TEST(Admission, SaysWhichDatatypeWasExpected) {
  EXPECT_EQ(refusal({{"image", Datatype::kFp32, {1, 8, 5}, {}}}),
            "model 'm': input 'image': expected datatype UINT8, got FP32");
}

TEST(Admission, SaysWhichShapeWasExpected) {
  EXPECT_EQ(refusal({image({1, 9, 5})}), "model 'm': input 'image': expected shape [-1, 8, -1], got [1, 9, 5]");
  EXPECT_EQ(refusal({image({})}), "model 'm': input 'image': expected shape [-1, 8, -1], got []");
}

TEST(Admission, RefusesABatchThatIsEmptyOrTooLarge) {
  EXPECT_EQ(refusal({image({0, 8, 5})}), "model 'm': input 'image': expected a batch of 1 to 4 rows, got 0");
  EXPECT_EQ(refusal({image({5, 8, 5})}), "model 'm': input 'image': expected a batch of 1 to 4 rows, got 5");
}

TEST(Admission, RefusesInputsWithDifferentNumbersOfRows) {
  EXPECT_EQ(refusal({image({2, 8, 5}), scale({3, 1})}),
            "model 'm': input 'scale': expected a batch of 2 rows, as input 'image' has, got 3");
}

TEST(Admission, RefusesAnUnknownOutput) {
  Request request;
  request.wanted_outputs = {"label", "score"};
  EXPECT_EQ(admit_inputs({image({1, 8, 5})}, request).message(),
            "model 'm': output 'score' is unknown: expected 'label'");
}

TEST(Admission, OfAModelThatDoesNotBatchComparesWholeShapes) {
  const ModelSignature whole = {.inputs = {{"x", Datatype::kFp32, {2, kFreeDimension}}}, .outputs = {}};
  Request request;
  request.inputs.assign({{"x", Datatype::kFp32, {2, 7}, {}}});
  EXPECT_TRUE(admit(whole, request).ok());
  EXPECT_EQ(request.rows, 1);
  request.inputs.assign({{"x", Datatype::kFp32, {3, 7}, {}}});
  EXPECT_FALSE(admit(whole, request).ok());
}

}  // namespace
}  // namespace pyserver
