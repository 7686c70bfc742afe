// Models that are faster than a hand-over are executed on the thread that submits; others never.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "server/infer_service.h"
#include "server/predict_message.h"
#include "support/fake_clock.h"

namespace pyserver::test {
namespace {

using namespace std::chrono_literals;

// Gives its input back, takes `duration` of the fake clock's time for it, and remembers where it last ran.
class TimedEngine final : public Engine {
 public:
  explicit TimedEngine(FakeClock& clock, bool may_run_inline) : clock_(clock), may_run_inline_(may_run_inline) {
    signature_.inputs = {{"x", Datatype::kFp32, {2}}};
    signature_.outputs = {{"y", Datatype::kFp32, {2}}};
    signature_.max_batch_size = 4;
  }
  std::string_view name() const noexcept override { return "timed"; }
  std::string_view device() const noexcept override { return "CPU"; }
  const ModelSignature& signature() const noexcept override { return signature_; }
  std::vector<InstanceGroup> instance_groups() const override { return {{1, 1}}; }
  bool may_run_inline() const noexcept override { return may_run_inline_; }
  Result<std::unique_ptr<EngineInstance>> create_instance(std::size_t) override {
    return std::unique_ptr<EngineInstance>(std::make_unique<Instance>(*this));
  }

  std::atomic<Duration> duration{0us};
  std::atomic<std::thread::id> executed_by{};

 private:
  class Instance final : public EngineInstance {
   public:
    explicit Instance(TimedEngine& engine) : engine_(engine) {}
    Status execute(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) override {
      engine_.executed_by = std::this_thread::get_id();
      engine_.clock_.advance(engine_.duration);
      outputs.push_back({"y", Datatype::kFp32, inputs[0].shape, inputs[0].bytes});
      return {};
    }

   private:
    TimedEngine& engine_;
  };

  FakeClock& clock_;
  const bool may_run_inline_;
  ModelSignature signature_;
};

class Answered final : public InferCompletion {
 public:
  explicit Answered(std::promise<StatusCode> code) : code_(std::move(code)) {}
  void done(InferResult result) override { code_.set_value(result.status.code()); }

 private:
  std::promise<StatusCode> code_;
};

class InlineExecutionTest : public testing::Test {
 protected:
  ~InlineExecutionTest() override { runtime->stop(10s); }

  void serve(BatchSettings settings = {}, bool may_run_inline = true) {
    auto made = std::make_unique<TimedEngine>(clock, may_run_inline);
    engine = made.get();
    runtime = std::make_shared<ModelRuntime>("timed", 1, std::move(made), std::move(settings), pool, clock);
    ASSERT_TRUE(runtime->start().ok());
    models.publish("timed", {{1, {runtime, ""}}}, 1);
  }

  // Sends a request and waits for its answer; whether this thread executed it.
  bool runs_inline(TimePoint deadline = kNever) {
    engine->executed_by = std::thread::id();
    std::promise<StatusCode> code;
    std::future<StatusCode> answered = code.get_future();
    service.infer(Protocol::kPredict, std::as_bytes(std::span(message)), clock.now(), deadline,
                  std::make_unique<Answered>(std::move(code)));
    last_code = answered.get();
    return engine->executed_by.load() == std::this_thread::get_id();
  }
  // The instance's thread prepares for it when it has answered enough, not at a certain request.
  void send_until_inline() {
    while (!runs_inline()) {
    }
  }

  FakeClock clock;
  HostAllocator allocator;
  std::shared_ptr<BufferPool> pool = BufferPool::create(allocator);
  ModelTable models;
  InferService service{models, *pool, clock};
  std::shared_ptr<ModelRuntime> runtime;
  TimedEngine* engine = nullptr;
  const std::string message = predict_message("timed", "x", 1, {1, 2});
  StatusCode last_code = StatusCode::kUnknown;
};

TEST_F(InlineExecutionTest, AFastModelIsExecutedOnTheSubmittingThreadOnceThatIsMeasured) {
  serve();
  for (std::uint32_t count = 0; count < InlinePolicy::kMeasured; ++count) EXPECT_FALSE(runs_inline());
  send_until_inline();
  EXPECT_EQ(last_code, StatusCode::kOk);
}

TEST_F(InlineExecutionTest, ASlowModelNeverIs) {
  serve();
  engine->duration = 2 * InlinePolicy::kWorthwhile;
  for (int count = 0; count < 500; ++count) ASSERT_FALSE(runs_inline());
}

TEST_F(InlineExecutionTest, OneLongExecutionEndsIt) {
  serve();
  send_until_inline();
  engine->duration = 2 * InlinePolicy::kTooLong;
  EXPECT_TRUE(runs_inline());
  engine->duration = 0us;
  EXPECT_FALSE(runs_inline());
}

TEST_F(InlineExecutionTest, AModelThatAsksForADelayGetsBatchesInstead) {
  BatchSettings settings;
  settings.preferred_batch_sizes = {1};  // so that nothing waits
  serve(settings);
  for (int count = 0; count < 500; ++count) ASSERT_FALSE(runs_inline());
}

TEST_F(InlineExecutionTest, AnEngineThatWaitsForADeviceNeverIs) {
  serve({}, /*may_run_inline=*/false);
  for (int count = 0; count < 500; ++count) ASSERT_FALSE(runs_inline());
}

TEST_F(InlineExecutionTest, ADeadlineThatHasPassedIsKeptThereToo) {
  serve();
  send_until_inline();
  EXPECT_FALSE(runs_inline(clock.now()));
  EXPECT_EQ(last_code, StatusCode::kDeadlineExceeded);
}

TEST_F(InlineExecutionTest, InlineExecutionsAreCountedLikeAllOthers) {
  serve();
  std::uint64_t sent = 1;
  while (!runs_inline()) ++sent;
  const ModelMetricsSnapshot counts = runtime->metrics().snapshot();
  EXPECT_EQ(counts.inferences, sent);
  EXPECT_EQ(counts.requests_by_code[static_cast<int>(StatusCode::kOk)], sent);
}

}  // namespace
}  // namespace pyserver::test
