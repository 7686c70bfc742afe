#include "engines/cuda_graph/graph_model.h"

#include <gtest/gtest.h>

#include <limits>

namespace pyserver {
namespace {

CudaGraphOptions options_of(std::int64_t max_batch_size = 8) {
  CudaGraphOptions options;
  options.engine = "test";
  options.signature = {
      .inputs = {{"ids", Datatype::kInt64, {kFreeDimension}}, {"x", Datatype::kFp32, {3}}},
      .outputs = {{"y", Datatype::kFp16, {kFreeDimension, 2}}},
      .max_batch_size = max_batch_size,
  };
  options.profiles = {{{"ids", {16}}}, {{"ids", {64}}}};
  options.max_output_shapes = {{"y", {64, 2}}};
  return options;
}

std::string refusal(const CudaGraphOptions& options) {
  const auto model = GraphModel::create(options);
  EXPECT_FALSE(model.ok());
  if (model.ok()) return "";
  EXPECT_EQ(model.status().code(), StatusCode::kInvalidArgument);
  return model.status().message();
}

TEST(GraphModelTest, ThereIsRoomForTheLargestBucketOfTheLargestProfile) {
  const auto model = GraphModel::create(options_of());
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ(model->input_capacity(0), 8u * 64 * 8);
  EXPECT_EQ(model->input_capacity(1), 8u * 3 * 4);
  EXPECT_EQ(model->output_capacity(0), 8u * 64 * 2 * 2);
  EXPECT_EQ(model->lane_bytes(), model->input_capacity(0) + model->input_capacity(1) + model->output_capacity(0));
}

TEST(GraphModelTest, ProfilesCompleteTheShapesOfTheSignature) {
  const auto model = GraphModel::create(options_of());
  ASSERT_TRUE(model.ok());
  ASSERT_EQ(model->profiles().size(), 2u);
  EXPECT_EQ(model->profiles()[1], (GraphModel::Shapes{{64}, {3}}));
  EXPECT_EQ(model->describe(model->profiles()[1]), "ids [64], x [3]");
}

TEST(GraphModelTest, WhatAGraphCannotHaveIsRefusedByName) {
  CudaGraphOptions texts = options_of();
  texts.signature.inputs[1].datatype = Datatype::kBytes;
  EXPECT_EQ(refusal(texts), "input 'x' cannot be used by a captured graph: texts (BYTES) have no fixed size");
  CudaGraphOptions optional = options_of();
  optional.signature.inputs[1].optional = true;
  EXPECT_EQ(refusal(optional), "input 'x' cannot be used by a captured graph: an optional input has no fixed address");
  CudaGraphOptions without_inputs = options_of();
  without_inputs.signature.inputs.clear();
  EXPECT_EQ(refusal(without_inputs), "a captured graph needs an input, and the model has none");
}

TEST(GraphModelTest, AFreeDimensionThatNoProfileFixesIsRefused) {
  CudaGraphOptions options = options_of();
  options.profiles = {{}};
  EXPECT_EQ(refusal(options), "input 'ids' of shape [-1] has free dimensions, and no complete shape is given for it");
  options = options_of();
  options.max_output_shapes.clear();
  EXPECT_EQ(refusal(options), "output 'y' of shape [-1, 2] has free dimensions, and no complete shape is given for it");
}

TEST(GraphModelTest, AProfileThatContradictsTheModelIsRefused) {
  CudaGraphOptions options = options_of();
  options.profiles[0]["x"] = {4};
  EXPECT_EQ(refusal(options), "input 'x': expected a complete shape within [3], got [4]");
  options = options_of();
  options.profiles[0]["z"] = {4};
  EXPECT_EQ(refusal(options), "a shape is given for 'z', which is no input of the model");
}

TEST(GraphModelTest, SizesThatCannotBeCountedAreRefused) {
  CudaGraphOptions options = options_of();
  options.profiles[1]["ids"] = {std::numeric_limits<std::int64_t>::max() / 8};
  EXPECT_NE(refusal(options).find("input 'ids' is too large: 8 rows of"), std::string::npos);
}

TEST(GraphModelTest, TheRowsOfABatchAndItsShapesAreReadWithoutTheBatchDimension) {
  const auto model = GraphModel::create(options_of());
  ASSERT_TRUE(model.ok());
  std::vector<ScatteredTensor> inputs(2);
  inputs[0].whole.shape = {5, 16};
  inputs[1].whole.shape = {5, 3};
  GraphModel::Shapes shapes;
  const auto rows = model->read_shapes(inputs, shapes);
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(*rows, 5);
  EXPECT_EQ(shapes, (GraphModel::Shapes{{16}, {3}}));
  inputs[0].whole.shape = {0, 16};
  EXPECT_EQ(model->read_shapes(inputs, shapes).status().code(), StatusCode::kInvalidArgument);
  inputs.pop_back();
  EXPECT_EQ(model->read_shapes(inputs, shapes).status().code(), StatusCode::kInternal);
}

TEST(GraphModelTest, OutputsMustFitIntoWhatThereIsForThem) {
  const auto model = GraphModel::create(options_of());
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(*model->complete_outputs({{"y", {16, 2}}}, 8), (GraphModel::Shapes{{16, 2}}));
  EXPECT_EQ(model->complete_outputs({{"y", {65, 2}}}, 8).status().message(),
            "output 'y': 8 rows of [65, 2] do not fit into the 2048 bytes that there are for it");
  EXPECT_FALSE(model->complete_outputs({}, 8).ok());
}

}  // namespace
}  // namespace pyserver
