#include <latch>
#include <thread>

#include "engines/openvino_models.h"

namespace pyserver {
namespace {

using OpenVinoExecute = OpenVinoTest;

TEST_F(OpenVinoExecute, ReadsInputsWhereTheyLieAndLeavesThemAlone) {
  const auto x = parameter("x", {-1, 3});
  const auto y = named("y", std::make_shared<ov::opset8::Relu>(x));
  const auto engine = load(save({y}, {x}));
  ASSERT_TRUE(engine);
  const auto instance = instance_of(*engine);
  const std::vector<float> values{-1, 2, -3, 4, -5, 6};
  const TensorView input = view(Datatype::kFp32, {2, 3}, values);
  std::vector<TensorView> outputs;
  ASSERT_TRUE(instance->execute({&input, 1}, outputs).ok());
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(outputs[0].name, "y");
  EXPECT_EQ(outputs[0].datatype, Datatype::kFp32);
  EXPECT_EQ(outputs[0].shape, (Shape{2, 3}));
  EXPECT_EQ(values_of<float>(outputs[0]), (std::vector<float>{0, 2, 0, 4, 0, 6}));
  EXPECT_EQ(values, (std::vector<float>{-1, 2, -3, 4, -5, 6}));
}

class SharedOutputs : public OpenVinoTest {
 protected:
  void load_relu(const ov::PartialShape& shape, const ModelOverrides& overrides = {}) {
    const auto x = parameter("x", shape);
    engine_ = load(save({named("y", std::make_shared<ov::opset8::Relu>(x))}, {x}), overrides);
    ASSERT_TRUE(engine_);
    instance_ = instance_of(*engine_);
  }
  // Executes with `value` everywhere.
  TensorView relu_of(float value) {
    values_.assign(kElements, value);
    const TensorView input = view(Datatype::kFp32, {1, kElements}, values_);
    std::vector<TensorView> outputs;
    EXPECT_TRUE(instance_->execute({&input, 1}, outputs).ok());
    return outputs.at(0);
  }

  static constexpr std::int64_t kElements = 5000;
  const ModelOverrides unbatched_{.max_batch_size = 0, .inputs = {}, .outputs = {}};
  std::vector<float> values_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<EngineInstance> instance_;
};

TEST_F(SharedOutputs, StayAsTheyAreWhateverIsExecutedNext) {
  load_relu({1, kElements}, unbatched_);
  std::vector<std::pair<TensorView, std::shared_ptr<const void>>> shared;
  for (int round = 0; round < 20; ++round) {
    const TensorView output = relu_of(static_cast<float>(round));
    auto memory = instance_->share_outputs();
    if (memory != nullptr) shared.emplace_back(output, std::move(memory));
    for (std::size_t index = 0; index < shared.size(); ++index) {
      EXPECT_EQ(values_of<float>(shared[index].first), std::vector<float>(kElements, static_cast<float>(index)));
    }
  }
  // Readers that never end get no more: their answers are copied.
  EXPECT_EQ(shared.size(), 7U);
  shared.clear();
  EXPECT_EQ(values_of<float>(relu_of(42)), std::vector<float>(kElements, 42));
  EXPECT_NE(instance_->share_outputs(), nullptr);
}

TEST_F(SharedOutputs, OutliveTheirInstanceAndTheEngine) {
  load_relu({1, kElements}, unbatched_);
  const TensorView output = relu_of(7);
  const auto memory = instance_->share_outputs();
  ASSERT_NE(memory, nullptr);
  instance_.reset();
  engine_.reset();
  EXPECT_EQ(values_of<float>(output), std::vector<float>(kElements, 7));
}

TEST_F(SharedOutputs, AreNoneWhereTheirShapesAreFree) {
  load_relu({-1, kElements});
  (void)relu_of(7);
  EXPECT_EQ(instance_->share_outputs(), nullptr);
}

TEST_F(OpenVinoExecute, TakesABatchOfAnySizeAfterAnother) {
  const auto x = parameter("x", {-1, 2});
  const auto engine = load(save({doubled_and_one("y", x)}, {x}), {}, with_threads(2));
  ASSERT_TRUE(engine);
  for (std::size_t group = 0; group < engine->instance_groups().size(); ++group) {
    const auto instance = instance_of(*engine, group);
    for (const std::int64_t rows : {1, 7, 2, 32, 1, 7}) {
      std::vector<float> values(static_cast<std::size_t>(rows) * 2);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
      const TensorView input = view(Datatype::kFp32, {rows, 2}, values);
      std::vector<TensorView> outputs;
      ASSERT_TRUE(instance->execute({&input, 1}, outputs).ok());
      ASSERT_EQ(outputs[0].shape, (Shape{rows, 2}));
      for (std::size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(values_of<float>(outputs[0])[i], 2 * values[i] + 1);
      }
    }
  }
}

TEST_F(OpenVinoExecute, KeepsInputsAndOutputsInTheSignaturesOrder) {
  const auto a = parameter("a", {-1, 2});
  const auto b = parameter("b", {-1, 2}, ov::element::i64);
  const auto as_float = std::make_shared<ov::opset8::Convert>(b, ov::element::f32);
  const auto difference = named("difference", std::make_shared<ov::opset8::Subtract>(a, as_float));
  const auto negative = named("negative", std::make_shared<ov::opset8::Negative>(b));
  const auto engine = load(save({difference, negative}, {a, b}));
  ASSERT_TRUE(engine);
  const std::vector<float> a_values{10, 20};
  const std::vector<std::int64_t> b_values{1, 2};
  const std::vector<TensorView> inputs{view(Datatype::kFp32, {1, 2}, a_values),
                                       view(Datatype::kInt64, {1, 2}, b_values)};
  std::vector<TensorView> outputs;
  const auto instance = instance_of(*engine);
  ASSERT_TRUE(instance->execute(inputs, outputs).ok());
  EXPECT_EQ(outputs[0].name, "difference");
  EXPECT_EQ(values_of<float>(outputs[0]), (std::vector<float>{9, 18}));
  EXPECT_EQ(outputs[1].name, "negative");
  EXPECT_EQ(outputs[1].datatype, Datatype::kInt64);
  EXPECT_EQ(values_of<std::int64_t>(outputs[1]), (std::vector<std::int64_t>{-1, -2}));
}

TEST_F(OpenVinoExecute, TakesAndGivesScalars) {
  const auto x = parameter("x", {});
  const auto engine = load(save({doubled_and_one("y", x)}, {x}));
  ASSERT_TRUE(engine);
  const std::vector<float> values{4};
  const TensorView input = view(Datatype::kFp32, {}, values);
  std::vector<TensorView> outputs;
  const auto instance = instance_of(*engine);
  ASSERT_TRUE(instance->execute({&input, 1}, outputs).ok());
  EXPECT_EQ(outputs[0].shape, Shape{});
  EXPECT_EQ(values_of<float>(outputs[0]), std::vector<float>{9});
}

struct TypeCase {
  ov::element::Type element;
  Datatype datatype;
};

class OpenVinoDatatypes : public OpenVinoTest, public testing::WithParamInterface<TypeCase> {};

// The bytes go out as they came in: 1, 0, 1 in every type has bytes below 0x80 and no rounding.
TEST_P(OpenVinoDatatypes, AreCarriedThroughAModel) {
  const auto [element, datatype] = GetParam();
  const auto x = parameter("x", {-1, 4}, element);
  const auto turned = std::make_shared<ov::opset8::Transpose>(
      std::make_shared<ov::opset8::Reshape>(x, constant<std::int64_t>({3}, {0, 2, 2}), true),
      constant<std::int64_t>({3}, {0, 2, 1}));
  const auto engine = load(save({named("y", turned)}, {x}));
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->signature().inputs[0].datatype, datatype);
  EXPECT_EQ(engine->signature().outputs[0].datatype, datatype);
  const std::size_t size = size_of(datatype);
  std::vector<std::byte> bytes(4 * size);
  const auto one = ov::opset8::Constant::create(element, {}, {1});
  std::memcpy(bytes.data() + size, one->get_data_ptr(), size);  // 0 1 0 0
  TensorView input;
  input.datatype = datatype;
  input.shape = {1, 4};
  input.bytes = bytes;
  std::vector<TensorView> outputs;
  const auto instance = instance_of(*engine);
  ASSERT_TRUE(instance->execute({&input, 1}, outputs).ok());
  std::vector<std::byte> expected(4 * size);
  std::memcpy(expected.data() + 2 * size, one->get_data_ptr(), size);  // 0 0 1 0
  EXPECT_EQ(values_of<std::byte>(outputs[0]), expected);
}

INSTANTIATE_TEST_SUITE_P(
    All, OpenVinoDatatypes,
    testing::Values(TypeCase{ov::element::boolean, Datatype::kBool}, TypeCase{ov::element::u8, Datatype::kUint8},
                    TypeCase{ov::element::u16, Datatype::kUint16}, TypeCase{ov::element::u32, Datatype::kUint32},
                    TypeCase{ov::element::u64, Datatype::kUint64}, TypeCase{ov::element::i8, Datatype::kInt8},
                    TypeCase{ov::element::i16, Datatype::kInt16}, TypeCase{ov::element::i32, Datatype::kInt32},
                    TypeCase{ov::element::i64, Datatype::kInt64}, TypeCase{ov::element::f16, Datatype::kFp16},
                    TypeCase{ov::element::f32, Datatype::kFp32}, TypeCase{ov::element::f64, Datatype::kFp64},
                    TypeCase{ov::element::bf16, Datatype::kBf16}),
    [](const auto& one) { return std::string(name_of(one.param.datatype)); });

TEST_F(OpenVinoExecute, TakesMemoryThatIsOnlyAlignedToItsElement) {
  const auto x = parameter("x", {-1, 67});
  std::vector<float> weights(67 * 33);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 7) - 3;
  const auto y = std::make_shared<ov::opset8::MatMul>(x, constant<float>({67, 33}, weights));
  const auto engine = load(save({named("y", std::make_shared<ov::opset8::Relu>(y))}, {x}));
  ASSERT_TRUE(engine);
  const auto instance = instance_of(*engine);
  std::vector<float> memory(5 * 67 + 16);
  std::vector<std::vector<float>> answers;
  for (std::size_t offset = 0; offset < 16; ++offset) {
    float* begin = memory.data() + offset;
    for (std::size_t i = 0; i < 5 * 67; ++i) begin[i] = static_cast<float>(i % 5);
    TensorView input;
    input.shape = {5, 67};
    input.bytes = std::as_bytes(std::span(begin, 5 * 67));
    std::vector<TensorView> outputs;
    ASSERT_TRUE(instance->execute({&input, 1}, outputs).ok());
    answers.push_back(values_of<float>(outputs[0]));
    EXPECT_EQ(answers.back(), answers.front());
  }
}

TEST_F(OpenVinoExecute, RefusesABatchWithoutRows) {
  const auto x = parameter("x", {-1, 4});
  const auto engine = load(save({doubled_and_one("y", x)}, {x}));
  ASSERT_TRUE(engine);
  TensorView input;
  input.shape = {0, 4};
  std::vector<TensorView> outputs;
  const Status status = instance_of(*engine)->execute({&input, 1}, outputs);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "input 'x' has no rows");
  EXPECT_TRUE(outputs.empty());
}

TEST_F(OpenVinoExecute, TakesInputsWithoutElementsInAModelThatDoesNotBatch) {
  const auto past = parameter("past", {1, -1, 4});
  const auto now = parameter("now", {1, -1, 4});
  const auto both = std::make_shared<ov::opset8::Concat>(ov::OutputVector{past, now}, 1);
  const auto sum = std::make_shared<ov::opset8::ReduceSum>(past, constant<std::int64_t>({1}, {1}), false);
  const auto engine = load(save({named("both", both), named("sum", sum)}, {past, now}));
  ASSERT_TRUE(engine);
  TensorView nothing;
  nothing.shape = {1, 0, 4};
  const std::vector<float> values{1, 2, 3, 4};
  const std::vector<TensorView> inputs{nothing, view(Datatype::kFp32, {1, 1, 4}, values)};
  std::vector<TensorView> outputs;
  const auto instance = instance_of(*engine);
  const Status status = instance->execute(inputs, outputs);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(values_of<float>(outputs[0]), values);
  EXPECT_EQ(values_of<float>(outputs[1]), (std::vector<float>{0, 0, 0, 0}));
  const std::vector<TensorView> none{nothing, nothing};
  outputs.clear();
  ASSERT_TRUE(instance->execute(none, outputs).ok());
  EXPECT_EQ(outputs[0].shape, (Shape{1, 0, 4}));
  EXPECT_TRUE(outputs[0].bytes.empty());
}

// Two inputs that must be equally long, which no signature says.
TEST_F(OpenVinoExecute, RefusesShapesThatDoNotGoTogetherAndServesTheNextBatch) {
  const auto a = parameter("a", {-1, -1, -1});
  const auto b = parameter("b", {-1, -1, -1});
  const auto product = named("y", std::make_shared<ov::opset8::MatMul>(a, b));
  const std::string path = save({product}, {a, b});
  const std::vector<float> ones(8, 1);
  const TensorView left = view(Datatype::kFp32, {1, 2, 4}, ones);
  const std::vector<TensorView> right{left, view(Datatype::kFp32, {1, 4, 2}, ones)};
  const std::vector<TensorView> wrong{left, view(Datatype::kFp32, {1, 2, 4}, ones)};
  for (const int threads : {1, 2}) {
    const auto engine = load(path, {}, with_threads(threads));
    ASSERT_TRUE(engine);
    for (std::size_t group = 0; group < engine->instance_groups().size(); ++group) {
      const auto instance = instance_of(*engine, group);
      for (int turn = 0; turn < 3; ++turn) {
        std::vector<TensorView> outputs;
        ASSERT_TRUE(instance->execute(right, outputs).ok());
        EXPECT_EQ(values_of<float>(outputs[0]), (std::vector<float>{4, 4, 4, 4}));
        outputs.clear();
        const Status status = instance->execute(wrong, outputs);
        EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
        EXPECT_TRUE(status.message().starts_with("the model does not take inputs of these shapes together: "));
        EXPECT_TRUE(outputs.empty());
      }
    }
  }
}

TEST_F(OpenVinoExecute, FailsTheBatchThatAModelCannotComputeAndServesTheNext) {
  const auto x = parameter("x", {-1, 4});
  const auto shape = parameter("shape", {2}, ov::element::i64);
  const auto y = std::make_shared<ov::opset8::Reshape>(x, shape, false);
  const auto engine = load(save({named("y", y)}, {x, shape}), {}, with_threads(1));
  ASSERT_TRUE(engine);
  const auto instance = instance_of(*engine);
  const std::vector<float> values{1, 2, 3, 4};
  const std::vector<std::int64_t> impossible{3, 5};
  std::vector<TensorView> outputs;
  const Status status = instance->execute(
      std::vector<TensorView>{view(Datatype::kFp32, {1, 4}, values), view(Datatype::kInt64, {2}, impossible)}, outputs);
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_TRUE(status.message().starts_with("OpenVINO failed: ")) << status.message();
  EXPECT_EQ(status.message().find('\n'), std::string::npos);
  EXPECT_TRUE(outputs.empty());
  const std::vector<std::int64_t> possible{2, 2};
  ASSERT_TRUE(instance
                  ->execute(std::vector<TensorView>{view(Datatype::kFp32, {1, 4}, values),
                                                    view(Datatype::kInt64, {2}, possible)},
                            outputs)
                  .ok());
  EXPECT_EQ(outputs[0].shape, (Shape{2, 2}));
}

TEST_F(OpenVinoExecute, ForgetsTheStateOfTheExecutionBefore) {
  const auto x = parameter("x", {1, 2});
  const auto variable = std::make_shared<ov::op::util::Variable>(
      ov::op::util::VariableInfo{ov::PartialShape{1, 2}, ov::element::f32, "total"});
  const auto total = std::make_shared<ov::opset8::ReadValue>(constant<float>({1, 2}, {0, 0}), variable);
  const auto sum = std::make_shared<ov::opset8::Add>(total, x);
  const auto assign = std::make_shared<ov::opset8::Assign>(sum, variable);
  const auto result = std::make_shared<ov::opset8::Result>(named("y", sum));
  const std::string path = file("state.xml");
  ov::save_model(std::make_shared<ov::Model>(ov::ResultVector{result}, ov::SinkVector{assign}, ov::ParameterVector{x}),
                 path, false);
  const auto engine = load(path);
  ASSERT_TRUE(engine);
  const auto instance = instance_of(*engine);
  const std::vector<float> values{1, 2};
  const TensorView input = view(Datatype::kFp32, {1, 2}, values);
  for (int time = 0; time < 3; ++time) {
    std::vector<TensorView> outputs;
    ASSERT_TRUE(instance->execute({&input, 1}, outputs).ok());
    EXPECT_EQ(values_of<float>(outputs[0]), values);
  }
}

TEST_F(OpenVinoExecute, RunsTheInstancesOfAGroupAtTheSameTime) {
  const auto x = parameter("x", {-1, 64});
  const auto engine = load(save({doubled_and_one("y", x)}, {x}), {}, with_threads(2, InstancePlan::kThroughput));
  ASSERT_TRUE(engine);
  ASSERT_EQ(engine->instance_groups()[0].count, 2);
  std::latch start(2);
  std::atomic<int> wrong{0};
  const auto serve = [&](int thread) {
    const auto instance = instance_of(*engine);
    start.arrive_and_wait();
    for (int turn = 0; turn < 200; ++turn) {
      const std::int64_t rows = 1 + (turn + thread) % 5;
      const std::vector<float> values(static_cast<std::size_t>(rows) * 64, static_cast<float>(turn * 2 + thread));
      const TensorView input = view(Datatype::kFp32, {rows, 64}, values);
      std::vector<TensorView> outputs;
      const bool ok = instance->execute({&input, 1}, outputs).ok();
      const std::vector<float> expected(values.size(), 2 * values[0] + 1);
      if (!ok || values_of<float>(outputs[0]) != expected) ++wrong;
    }
  };
  std::thread first(serve, 0);
  std::thread second(serve, 1);
  first.join();
  second.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(OpenVinoExecute, RefusesAnUnknownGroupAndTheWrongNumberOfInputs) {
  const auto x = parameter("x", {-1, 4});
  const auto engine = load(save({doubled_and_one("y", x)}, {x}));
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->create_instance(9).status().code(), StatusCode::kInvalidArgument);
  std::vector<TensorView> outputs;
  EXPECT_EQ(instance_of(*engine)->execute({}, outputs).code(), StatusCode::kInternal);
}

}  // namespace
}  // namespace pyserver
