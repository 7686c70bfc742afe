#include "engines/identity/identity_engine.h"

#include <gtest/gtest.h>

#include <array>

namespace pyserver {
namespace {

// Moves only by being waited for: each wait jumps to its end, or half way there where `falters`.
class JumpingClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  void wait_until(std::unique_lock<std::mutex>&, std::condition_variable&, TimePoint until) override {
    ++waits;
    now_ = falters && waits == 1 ? now_ + (until - now_) / 2 : until;
  }

  bool falters = false;
  int waits = 0;

 private:
  TimePoint now_{std::chrono::hours(1)};
};

TensorSpec spec(std::string name, Datatype datatype = Datatype::kFp32, Shape shape = {4}) {
  return {.name = std::move(name), .datatype = datatype, .shape = shape};
}

ModelSignature pair_of_tensors() {
  return {.inputs = {spec("a"), spec("b", Datatype::kBytes, {})},
          .outputs = {spec("x"), spec("y", Datatype::kBytes, {})},
          .max_batch_size = 8};
}

TEST(IdentityEngine, GivesTheInputsOwnBytesUnderTheOutputsNames) {
  const auto clock = std::make_shared<JumpingClock>();
  auto engine = make_identity_engine(pair_of_tensors(), {}, clock);
  ASSERT_TRUE(engine.ok());
  auto instance = (*engine)->create_instance(0);
  ASSERT_TRUE(instance.ok());
  const std::array<std::byte, 32> a{};
  const std::array<std::byte, 8> b{};
  const std::array<TensorView, 2> inputs = {{{.name = "a", .datatype = Datatype::kFp32, .shape = {2, 4}, .bytes = a},
                                             {.name = "b", .datatype = Datatype::kBytes, .shape = {2}, .bytes = b}}};
  std::vector<TensorView> outputs;
  ASSERT_TRUE((*instance)->execute(inputs, outputs).ok());
  ASSERT_EQ(outputs.size(), 2u);
  EXPECT_EQ(outputs[0].name, "x");
  EXPECT_EQ(outputs[0].bytes.data(), a.data());
  EXPECT_EQ(outputs[0].bytes.size(), a.size());
  EXPECT_EQ(outputs[0].shape, (Shape{2, 4}));
  EXPECT_EQ(outputs[1].name, "y");
  EXPECT_EQ(outputs[1].datatype, Datatype::kBytes);
  EXPECT_EQ(outputs[1].bytes.data(), b.data());
  EXPECT_EQ(clock->waits, 0);
}

TEST(IdentityEngine, TakesItsDelayByTheClockEvenWhenAWaitReturnsEarly) {
  const auto clock = std::make_shared<JumpingClock>();
  clock->falters = true;
  auto engine = make_identity_engine({.inputs = {spec("a")}, .outputs = {spec("x")}},
                                     {.delay = std::chrono::microseconds(1000), .instances = 1}, clock);
  ASSERT_TRUE(engine.ok());
  auto instance = (*engine)->create_instance(0);
  ASSERT_TRUE(instance.ok());
  const TimePoint before = clock->now();
  const std::array<TensorView, 1> inputs{};
  std::vector<TensorView> outputs;
  ASSERT_TRUE((*instance)->execute(inputs, outputs).ok());
  EXPECT_EQ(clock->now() - before, std::chrono::microseconds(1000));
  EXPECT_EQ(clock->waits, 2);
}

TEST(IdentityEngine, OffersAsManyInstancesAsAskedForInOneGroup) {
  const auto clock = std::make_shared<JumpingClock>();
  auto engine = make_identity_engine(pair_of_tensors(), {.delay = {}, .instances = 3}, clock);
  ASSERT_TRUE(engine.ok());
  ASSERT_EQ((*engine)->instance_groups().size(), 1u);
  EXPECT_EQ((*engine)->instance_groups()[0].count, 3);
  EXPECT_EQ((*engine)->name(), "identity");
  EXPECT_EQ((*engine)->device(), "CPU");
  EXPECT_EQ((*engine)->signature().max_batch_size, 8);
  EXPECT_EQ((*engine)->create_instance(1).status().code(), StatusCode::kInvalidArgument);
}

struct Refusal {
  ModelSignature signature;
  IdentityOptions options;
  std::string message;
};

TEST(IdentityEngine, RefusesSignaturesAndOptionsThatItCannotKeep) {
  const auto clock = std::make_shared<JumpingClock>();
  TensorSpec optional = spec("a");
  optional.optional = true;
  const std::array<Refusal, 6> refusals = {{
      {{.inputs = {spec("a")}, .outputs = {}},
       {},
       "an identity model needs an output for each input: expected 1, got 0"},
      {{.inputs = {spec("a")}, .outputs = {spec("x", Datatype::kInt64)}},
       {},
       "output 'x' must be like input 'a': expected FP32 [4], got INT64 [4]"},
      {{.inputs = {spec("a")}, .outputs = {spec("x", Datatype::kFp32, {5})}},
       {},
       "output 'x' must be like input 'a': expected FP32 [4], got FP32 [5]"},
      {{.inputs = {optional}, .outputs = {spec("x")}},
       {},
       "input 'a' cannot be optional: its output would have no bytes"},
      {pair_of_tensors(), {.delay = {}, .instances = 0}, "an identity model needs at least 1 instance, got 0"},
      {pair_of_tensors(),
       {.delay = std::chrono::microseconds(-1), .instances = 1},
       "the delay must not be negative, got -1 us"},
  }};
  for (const Refusal& refusal : refusals) {
    const auto engine = make_identity_engine(refusal.signature, refusal.options, clock);
    EXPECT_EQ(engine.status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(engine.status().message(), refusal.message);
  }
}

TEST(IdentityEngine, RefusesTheWrongNumberOfInputs) {
  const auto clock = std::make_shared<JumpingClock>();
  auto engine = make_identity_engine(pair_of_tensors(), {}, clock);
  ASSERT_TRUE(engine.ok());
  auto instance = (*engine)->create_instance(0);
  ASSERT_TRUE(instance.ok());
  std::vector<TensorView> outputs;
  const std::array<TensorView, 1> inputs{};
  EXPECT_EQ((*instance)->execute(inputs, outputs).code(), StatusCode::kInternal);
  EXPECT_TRUE(outputs.empty());
}

}  // namespace
}  // namespace pyserver
