#include "engines/function/function_engine.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>

namespace pyserver {
namespace {

using Execute = std::function<Status(std::span<const TensorView>, std::vector<TensorView>&)>;

// Does what it is told, and counts.
class ToldFunction final : public BatchFunction {
 public:
  ToldFunction(Execute execute, std::shared_ptr<const void> memory)
      : execute_(std::move(execute)), memory_(std::move(memory)) {}

  Status execute(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) override {
    ++calls_;
    return execute_(inputs, outputs);
  }
  std::shared_ptr<const void> share_outputs() override { return memory_; }
  std::vector<EngineCounter> counters() const override { return {{"calls", calls_}}; }

 private:
  const Execute execute_;
  const std::shared_ptr<const void> memory_;
  std::uint64_t calls_ = 0;
};

Status echo(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) {
  outputs.assign(inputs.begin(), inputs.end());
  return {};
}

ModelSignature one_tensor() {
  return {.inputs = {{.name = "x", .datatype = Datatype::kFp32, .shape = {1}}},
          .outputs = {{.name = "y", .datatype = Datatype::kFp32, .shape = {1}}},
          .max_batch_size = 4};
}

Result<std::unique_ptr<Engine>> make_engine(std::vector<Execute> functions,
                                            const std::shared_ptr<const void>& memory = nullptr) {
  std::vector<std::unique_ptr<BatchFunction>> made;
  for (Execute& function : functions) made.push_back(std::make_unique<ToldFunction>(std::move(function), memory));
  return make_function_engine({.name = "told", .device = "CPU", .threads_each = 2}, one_tensor(), std::move(made));
}

const std::array<std::byte, 8> kTwoRows{};
const std::array<TensorView, 1> kInputs = {
    {{.name = "x", .datatype = Datatype::kFp32, .shape = {2, 1}, .bytes = kTwoRows}}};

TEST(FunctionEngine, OffersAnInstanceForEachFunction) {
  const auto engine = make_engine({echo, echo, echo});
  ASSERT_TRUE(engine.ok());
  ASSERT_EQ((*engine)->instance_groups().size(), 1u);
  EXPECT_EQ((*engine)->instance_groups()[0].count, 3);
  EXPECT_EQ((*engine)->instance_groups()[0].threads, 2);
  EXPECT_EQ((*engine)->name(), "told");
  EXPECT_EQ((*engine)->device(), "CPU");
  EXPECT_EQ((*engine)->signature().max_batch_size, 4);
}

TEST(FunctionEngine, GivesTheFunctionsOutputsAndWhatKeepsTheirMemory) {
  const auto memory = std::make_shared<int>(1);
  auto engine = make_engine({echo}, memory);
  ASSERT_TRUE(engine.ok());
  auto instance = (*engine)->create_instance(0);
  ASSERT_TRUE(instance.ok());
  std::vector<TensorView> outputs;
  ASSERT_TRUE((*instance)->execute(kInputs, outputs).ok());
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(outputs[0].bytes.data(), kTwoRows.data());
  EXPECT_EQ((*instance)->share_outputs(), memory);
}

TEST(FunctionEngine, GivesNoOutputsOfAFunctionThatFails) {
  auto engine = make_engine({[](std::span<const TensorView> inputs, std::vector<TensorView>& outputs) {
    outputs.assign(inputs.begin(), inputs.end());
    return internal_error("it cannot");
  }});
  ASSERT_TRUE(engine.ok());
  auto instance = (*engine)->create_instance(0);
  ASSERT_TRUE(instance.ok());
  std::vector<TensorView> outputs;
  EXPECT_EQ((*instance)->execute(kInputs, outputs), internal_error("it cannot"));
  EXPECT_TRUE(outputs.empty());
}

TEST(FunctionEngine, LendsAFunctionToOneInstanceAtATime) {
  auto engine = make_engine({echo});
  ASSERT_TRUE(engine.ok());
  auto first = (*engine)->create_instance(0);
  ASSERT_TRUE(first.ok());
  // Such as the one that would execute on the threads that decode.
  const auto second = (*engine)->create_instance(0);
  EXPECT_EQ(second.status(), failed_precondition("all 1 functions of this engine have an instance"));
  *first = nullptr;
  EXPECT_TRUE((*engine)->create_instance(0).ok());
  EXPECT_EQ((*engine)->create_instance(1).status().code(), StatusCode::kInvalidArgument);
}

TEST(FunctionEngine, CountsWhatAllItsFunctionsCount) {
  auto engine = make_engine({echo, echo});
  ASSERT_TRUE(engine.ok());
  auto first = (*engine)->create_instance(0), second = (*engine)->create_instance(0);
  ASSERT_TRUE(first.ok() && second.ok());
  for (auto* instance : {&first, &second, &second}) {
    std::vector<TensorView> outputs;
    ASSERT_TRUE((**instance)->execute(kInputs, outputs).ok());
  }
  const std::vector<EngineCounter> counters = (*engine)->counters();
  ASSERT_EQ(counters.size(), 1u);
  EXPECT_EQ(counters[0].name, "calls");
  EXPECT_EQ(counters[0].value, 3u);
}

TEST(FunctionEngine, RefusesToBeWithoutFunctionsAndTheWrongNumberOfInputs) {
  EXPECT_EQ(make_engine({}).status(), invalid_argument("a function engine needs at least 1 function, got 0"));
  auto engine = make_engine({echo});
  ASSERT_TRUE(engine.ok());
  auto instance = (*engine)->create_instance(0);
  ASSERT_TRUE(instance.ok());
  std::vector<TensorView> outputs;
  EXPECT_EQ((*instance)->execute({}, outputs), internal_error("expected 1 inputs, got 0"));
}

}  // namespace
}  // namespace pyserver
