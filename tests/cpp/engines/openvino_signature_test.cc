#include "engines/openvino_models.h"

namespace pyserver {
namespace {

using OpenVinoSignature = OpenVinoTest;
using ov::opset8::ReduceMean;
using ov::opset8::ReduceSum;
using ov::opset8::Reshape;
using ov::opset8::ShapeOf;
using ov::opset8::Softmax;
using ov::opset8::Subtract;
using ov::opset8::Transpose;

TEST_F(OpenVinoSignature, BatchesAModelWhoseOutputsHaveTheRowsOfItsInputs) {
  const auto x = parameter("x", {-1, 4});
  const auto engine = load(save({doubled_and_one("y", x)}, {x}));
  ASSERT_TRUE(engine);
  const ModelSignature expected{
      .inputs = {tensor_spec("x", {4})}, .outputs = {tensor_spec("y", {4})}, .max_batch_size = kDefaultMaxBatchSize};
  EXPECT_EQ(engine->signature().inputs, expected.inputs);
  EXPECT_EQ(engine->signature().outputs, expected.outputs);
  EXPECT_EQ(engine->signature().max_batch_size, expected.max_batch_size);
  EXPECT_EQ(engine->name(), "openvino");
  EXPECT_EQ(engine->device(), "CPU");
}

TEST_F(OpenVinoSignature, KeepsOtherDimensionsFreeAndTreatsBoundedOnesAsFree) {
  const auto x = parameter("x", {-1, -1, {1, 16}});
  const auto signature = inspect_openvino_model(save({doubled_and_one("y", x)}, {x}));
  ASSERT_TRUE(signature.ok()) << signature.status().message();
  EXPECT_EQ(signature->inputs[0].shape, (Shape{-1, -1}));
  EXPECT_EQ(signature->outputs[0].shape, (Shape{-1, -1}));
  EXPECT_EQ(signature->max_batch_size, kDefaultMaxBatchSize);
}

TEST_F(OpenVinoSignature, DoesNotBatchAModelThatReducesItsFirstDimension) {
  const auto x = parameter("x", {-1, 4});
  const auto sum = std::make_shared<ReduceSum>(x, constant<std::int64_t>({1}, {0}), true);
  const auto signature = inspect_openvino_model(save({named("y", sum)}, {x}));
  ASSERT_TRUE(signature.ok());
  EXPECT_EQ(signature->max_batch_size, 0);
  EXPECT_EQ(signature->inputs[0].shape, (Shape{-1, 4}));
  EXPECT_EQ(signature->outputs[0].shape, (Shape{1, 4}));
}

TEST_F(OpenVinoSignature, DoesNotBatchAModelWhoseRowsInfluenceOneAnother) {
  const auto x = parameter("x", {-1, 4});
  const auto mean = std::make_shared<ReduceMean>(x, constant<std::int64_t>({1}, {0}), true);
  const auto centred = std::make_shared<Subtract>(x, mean);
  const std::string path = save({named("y", centred)}, {x});
  const auto engine = load(path);
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->signature().max_batch_size, 0);
  EXPECT_EQ(engine->signature().inputs[0].shape, (Shape{-1, 4}));
  // Who asks for it by name gets it.
  ModelOverrides overrides;
  overrides.max_batch_size = 8;
  EXPECT_EQ(load(path, overrides)->signature().max_batch_size, 8);
}

TEST_F(OpenVinoSignature, FindsRowsThatInfluenceOneAnotherBehindFreeDimensions) {
  const auto x = parameter("x", {-1, -1});
  const auto softmax = std::make_shared<Softmax>(x, 0);
  EXPECT_EQ(load(save({named("y", softmax)}, {x}))->signature().max_batch_size, 0);
  const auto along_row = parameter("x", {-1, -1});
  const auto harmless = std::make_shared<Softmax>(along_row, 1);
  EXPECT_EQ(load(save({named("y", harmless)}, {along_row}))->signature().max_batch_size, kDefaultMaxBatchSize);
}

TEST_F(OpenVinoSignature, DoesNotBatchAModelThatMovesItsFirstDimensionElsewhere) {
  const auto x = parameter("x", {-1, -1});
  const auto turned = std::make_shared<Transpose>(x, constant<std::int64_t>({2}, {1, 0}));
  const auto signature = inspect_openvino_model(save({named("y", turned)}, {x}));
  ASSERT_TRUE(signature.ok());
  EXPECT_EQ(signature->max_batch_size, 0);
  EXPECT_EQ(signature->outputs[0].shape, (Shape{-1, -1}));
}

TEST_F(OpenVinoSignature, DoesNotBatchAModelThatFlattensItsRows) {
  const auto x = parameter("x", {-1, 4});
  const auto flat = std::make_shared<Reshape>(x, constant<std::int64_t>({1}, {-1}), false);
  EXPECT_EQ(inspect_openvino_model(save({named("y", flat)}, {x}))->max_batch_size, 0);
}

TEST_F(OpenVinoSignature, DoesNotBatchAModelWithOneInputThatHasNoBatchDimension) {
  const auto x = parameter("x", {-1, 4});
  const auto factor = parameter("factor", {});
  const auto y = std::make_shared<ov::opset8::Multiply>(x, factor);
  const std::string path = save({named("y", y)}, {x, factor});
  const auto signature = inspect_openvino_model(path);
  ASSERT_TRUE(signature.ok());
  EXPECT_EQ(signature->max_batch_size, 0);
  EXPECT_EQ(signature->inputs[1].shape, Shape{});
  EXPECT_EQ(refusal(path, {.max_batch_size = 8, .inputs = {}, .outputs = {}}),
            concat("the model file '", path, "' cannot be used: it cannot batch: input 'factor' is a scalar"));
}

TEST_F(OpenVinoSignature, FollowsTheRowsThroughAShapeThatTheModelComputes) {
  const auto x = parameter("x", {-1, -1, 4});
  const auto rows = std::make_shared<ov::opset8::Gather>(std::make_shared<ShapeOf>(x), constant<std::int64_t>({1}, {0}),
                                                         constant<std::int64_t>({}, {0}));
  const auto target =
      std::make_shared<ov::opset8::Concat>(ov::OutputVector{rows, constant<std::int64_t>({1}, {-1})}, 0);
  const auto signature = inspect_openvino_model(save({named("y", std::make_shared<Reshape>(x, target, false))}, {x}));
  ASSERT_TRUE(signature.ok());
  EXPECT_EQ(signature->max_batch_size, kDefaultMaxBatchSize);
}

TEST_F(OpenVinoSignature, FreesAFirstDimensionThatIsFixedToOneWhenBatchingIsAskedFor) {
  const auto x = parameter("x", {1, 4});
  const std::string path = save({doubled_and_one("y", x)}, {x});
  EXPECT_EQ(inspect_openvino_model(path)->max_batch_size, 0);
  EXPECT_EQ(inspect_openvino_model(path)->inputs[0].shape, (Shape{1, 4}));
  const auto engine = load(path, {.max_batch_size = 5, .inputs = {}, .outputs = {}});
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->signature().max_batch_size, 5);
  EXPECT_EQ(engine->signature().inputs[0].shape, Shape{4});
  const std::vector<float> values{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const TensorView input = view(Datatype::kFp32, {3, 4}, values);
  std::vector<TensorView> outputs;
  ASSERT_TRUE(instance_of(*engine)->execute({&input, 1}, outputs).ok());
  EXPECT_EQ(outputs[0].shape, (Shape{3, 4}));
}

TEST_F(OpenVinoSignature, RefusesToBatchAModelWhoseInsideIsFixedToOneRow) {
  const auto x = parameter("x", {1, 2, 3});
  const auto y = std::make_shared<Reshape>(x, constant<std::int64_t>({2}, {1, 6}), false);
  const std::string path = save({named("y", y)}, {x});
  const std::string message = refusal(path, {.max_batch_size = 5, .inputs = {}, .outputs = {}});
  EXPECT_NE(message.find("it cannot batch: at node"), std::string::npos) << message;
  EXPECT_NE(message.find(path), std::string::npos) << message;
}

TEST_F(OpenVinoSignature, RefusesToBatchAModelFixedToMoreThanOneRow) {
  const auto x = parameter("x", {4, 2});
  EXPECT_NE(refusal(save({doubled_and_one("y", x)}, {x}), {.max_batch_size = 4, .inputs = {}, .outputs = {}})
                .find("it cannot batch: the first dimension of input 'x' is fixed to 4"),
            std::string::npos);
}

TEST_F(OpenVinoSignature, ListsCompleteShapesWhereBatchingIsTurnedOff) {
  const auto x = parameter("x", {-1, 4});
  const auto engine = load(save({doubled_and_one("y", x)}, {x}), {.max_batch_size = 0, .inputs = {}, .outputs = {}});
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->signature().max_batch_size, 0);
  EXPECT_EQ(engine->signature().inputs[0].shape, (Shape{-1, 4}));
  EXPECT_EQ(engine->signature().outputs[0].shape, (Shape{-1, 4}));
}

TEST_F(OpenVinoSignature, NeverBatchesMoreRowsThanTheModelBounds) {
  const auto x = parameter("x", {{1, 8}, 4});
  const std::string path = save({doubled_and_one("y", x)}, {x});
  EXPECT_EQ(inspect_openvino_model(path)->max_batch_size, 8);
  EXPECT_NE(refusal(path, {.max_batch_size = 9, .inputs = {}, .outputs = {}})
                .find("max_batch_size is 9, but the model takes at most 8 rows"),
            std::string::npos);
}

TEST_F(OpenVinoSignature, FixesFreeDimensionsThatAreConfigured) {
  const auto x = parameter("x", {-1, -1, 4});
  const auto engine = load(save({doubled_and_one("y", x)}, {x}),
                           {.max_batch_size = {}, .inputs = {tensor_spec("x", {16, 4})}, .outputs = {}});
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->signature().max_batch_size, kDefaultMaxBatchSize);
  EXPECT_EQ(engine->signature().inputs[0].shape, (Shape{16, 4}));
  EXPECT_EQ(engine->signature().outputs[0].shape, (Shape{16, 4}));
}

TEST_F(OpenVinoSignature, TakesTheShapeOfAnInputWithoutARankFromTheConfiguration) {
  const auto x = parameter("x", ov::PartialShape::dynamic());
  const std::string path = save({doubled_and_one("y", x)}, {x});
  EXPECT_NE(inspect_openvino_model(path).status().message().find(
                "input 'x' has no known number of dimensions; configure its shape"),
            std::string::npos);
  const auto alone = load(path, {.max_batch_size = {}, .inputs = {tensor_spec("x", {-1, 3})}, .outputs = {}});
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->signature().max_batch_size, 0);
  EXPECT_EQ(alone->signature().outputs[0].shape, (Shape{-1, 3}));
  const auto batching = load(path, {.max_batch_size = 8, .inputs = {tensor_spec("x", {3})}, .outputs = {}});
  ASSERT_TRUE(batching);
  EXPECT_EQ(batching->signature().max_batch_size, 8);
  EXPECT_EQ(batching->signature().outputs[0].shape, Shape{3});
}

TEST_F(OpenVinoSignature, RefusesConfigurationsThatDoNotFitTheModelAndSaysWhy) {
  const auto x = parameter("x", {-1, 4});
  const std::string path = save({doubled_and_one("y", x)}, {x});
  TensorSpec optional = tensor_spec("x", {4});
  optional.optional = true;
  const std::vector<std::pair<ModelOverrides, std::string>> cases = {
      {{.max_batch_size = {}, .inputs = {tensor_spec("z", {4})}, .outputs = {}},
       "the model has no input 'z'; its inputs are 'x'"},
      {{.max_batch_size = {}, .inputs = {}, .outputs = {tensor_spec("x", {4})}},
       "the model has no output 'x'; its outputs are 'y'"},
      {{.max_batch_size = {}, .inputs = {tensor_spec("x", {4}), tensor_spec("x", {4})}, .outputs = {}},
       "input 'x' is configured twice"},
      {{.max_batch_size = {}, .inputs = {optional}, .outputs = {}},
       "input 'x' cannot be optional: OpenVINO models need all their inputs"},
      {{.max_batch_size = {}, .inputs = {tensor_spec("x", {4}, Datatype::kInt64)}, .outputs = {}},
       "input 'x' is FP32 in the model, but configured as INT64"},
      {{.max_batch_size = {}, .inputs = {tensor_spec("x", {5})}, .outputs = {}},
       "input 'x' has the shape [4] in the model (the batch dimension left out), but is configured as [5]; leave the "
       "batch dimension out, or set max_batch_size to 0 to list complete shapes"},
      {{.max_batch_size = 8, .inputs = {tensor_spec("x", {-1})}, .outputs = {}},
       "input 'x' has the shape [4] in the model (the batch dimension left out), but is configured as [-1]"},
      {{.max_batch_size = 0, .inputs = {tensor_spec("x", {4})}, .outputs = {}},
       "input 'x' has the shape [?,4] in the model, but is configured as [4]"},
      {{.max_batch_size = {}, .inputs = {}, .outputs = {tensor_spec("y", {2})}},
       "output 'y' has the shape [4] in the model (the batch dimension left out), but is configured as [2]"},
      {{.max_batch_size = -1, .inputs = {}, .outputs = {}}, "max_batch_size must not be negative, got -1"},
  };
  for (const auto& [overrides, expected] : cases) {
    EXPECT_EQ(refusal(path, overrides), concat("the model file '", path, "' cannot be used: ", expected));
  }
}

TEST_F(OpenVinoSignature, NamesTheTensorWhoseElementsNoRequestCanCarry) {
  const auto x = parameter("packed", {-1, 4}, ov::element::u4);
  const auto y = std::make_shared<ov::opset8::Convert>(x, ov::element::f32);
  EXPECT_NE(inspect_openvino_model(save({named("y", y)}, {x}))
                .status()
                .message()
                .find("input 'packed' has the element type 'u4', which requests cannot carry"),
            std::string::npos);
}

TEST_F(OpenVinoSignature, GivesNamesToPortsThatHaveNone) {
  const auto a = std::make_shared<ov::opset8::Parameter>(ov::element::f32, ov::PartialShape{-1, 2});
  const auto b = std::make_shared<ov::opset8::Parameter>(ov::element::f32, ov::PartialShape{-1, 2});
  const auto sum = std::make_shared<ov::opset8::Add>(a, b);
  const auto signature = inspect_openvino_model(save({sum, sum->output(0)}, {a, b}));
  ASSERT_TRUE(signature.ok()) << signature.status().message();
  EXPECT_EQ(signature->inputs[0].name, "input_0");
  EXPECT_EQ(signature->inputs[1].name, "input_1");
  EXPECT_EQ(signature->outputs[0].name, "output_0");
  EXPECT_EQ(signature->outputs[1].name, "output_1");
}

TEST_F(OpenVinoSignature, LetsTheConfigurationChooseAmongATensorsNames) {
  const auto x = parameter("x", {-1, 2});
  x->output(0).set_names({"x", "alias"});
  const auto engine = load(save({doubled_and_one("y", x)}, {x}),
                           {.max_batch_size = {}, .inputs = {tensor_spec("alias", {2})}, .outputs = {}});
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->signature().inputs[0].name, "alias");
}

TEST_F(OpenVinoSignature, TellsTwoOutputsOfOneTensorApart) {
  const auto x = parameter("x", {-1, 2});
  const auto y = doubled_and_one("y", x);
  const auto signature = inspect_openvino_model(save({y, y}, {x}));
  ASSERT_TRUE(signature.ok());
  EXPECT_EQ(signature->outputs[0].name, "y");
  EXPECT_EQ(signature->outputs[1].name, "output_1");
}

}  // namespace
}  // namespace pyserver
