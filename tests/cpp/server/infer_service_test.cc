// The promises of InferService, ModelTable and ModelRuntime together: bytes in → completion(bytes out | status).
#include "server/infer_service.h"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <future>

#include "engines/identity/identity_engine.h"
#include "server/gated_engine.h"
#include "server/predict_message.h"

namespace pyserver::test {
namespace {

using namespace std::chrono_literals;

struct Outcome {
  StatusCode code;
  std::string message;
  std::string response;
};

class Promised final : public InferCompletion {
 public:
  explicit Promised(std::promise<Outcome> promise) : promise_(std::move(promise)) {}
  void done(InferResult result) override {
    std::string response(result.response.size(), '\0');
    result.response.copy_to(reinterpret_cast<std::byte*>(response.data()));
    promise_.set_value({result.status.code(), result.status.message(), std::move(response)});
  }

 private:
  std::promise<Outcome> promise_;
};

// For engines that take batches in one piece, and for those that gather the rows themselves.
class InferServiceTest : public testing::TestWithParam<GatedEngine::Takes> {
 protected:
  ~InferServiceTest() override {
    gate.open();
    for (const auto& runtime : runtimes) runtime->stop(10s);
  }

  std::shared_ptr<ModelRuntime> start_model(const std::string& name, std::int64_t version,
                                            BatchSettings settings = {}) {
    auto runtime = std::make_shared<ModelRuntime>(name, version, std::make_unique<GatedEngine>(gate, 4, GetParam()),
                                                  std::move(settings), pool, clock);
    EXPECT_TRUE(runtime->start().ok());
    runtimes.push_back(runtime);
    return runtime;
  }
  void serve(const std::string& name, std::int64_t version, BatchSettings settings = {}) {
    models.publish(name, {{version, {start_model(name, version, std::move(settings)), ""}}}, version);
  }

  std::future<Outcome> infer(std::string message, TimePoint deadline = kNever, InferCall* call = nullptr) {
    const std::string& bytes = messages.emplace_back(std::move(message));
    std::promise<Outcome> promise;
    std::future<Outcome> future = promise.get_future();
    InferCall made = service.infer(Protocol::kPredict, std::as_bytes(std::span(bytes)), clock.now(), deadline,
                                   std::make_unique<Promised>(std::move(promise)));
    if (call != nullptr) *call = made;
    return future;
  }

  Gate gate;
  SteadyClock clock;
  HostAllocator allocator;
  std::shared_ptr<BufferPool> pool = BufferPool::create(allocator);
  ModelTable models;
  InferService service{models, *pool, clock};
  std::vector<std::shared_ptr<ModelRuntime>> runtimes;
  std::deque<std::string> messages;
};

TEST_P(InferServiceTest, AnswersWithTheModelsOutput) {
  serve("double", 3);
  const Outcome outcome = infer(predict_message("double", "x", 1, {1, 2})).get();
  ASSERT_EQ(outcome.code, StatusCode::kOk) << outcome.message;
  const float expected[] = {2, 4};
  EXPECT_NE(outcome.response.find(std::string(reinterpret_cast<const char*>(expected), sizeof expected)),
            std::string::npos);
}

// Keeps what it is answered, and lends the request.
class Lender final : public InferCompletion {
 public:
  Lender(std::shared_ptr<const std::string> request, std::promise<InferResult> promise)
      : request_(std::move(request)), promise_(std::move(promise)) {}
  std::shared_ptr<const void> share_request() override { return request_; }
  void done(InferResult result) override { promise_.set_value(std::move(result)); }

 private:
  const std::shared_ptr<const std::string> request_;
  std::promise<InferResult> promise_;
};

TEST_P(InferServiceTest, SendsALargeTensorThatTheModelPassesThroughFromTheRequestsOwnMemory) {
  ModelSignature signature{.inputs = {{"x", Datatype::kFp32, {-1, -1}}}, .outputs = {{"y", Datatype::kFp32, {-1, -1}}}};
  auto engine = make_identity_engine(std::move(signature), {}, std::make_shared<SteadyClock>());
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  auto runtime = std::make_shared<ModelRuntime>("same", 1, *std::move(engine), BatchSettings{}, pool, clock);
  ASSERT_TRUE(runtime->start().ok());
  runtimes.push_back(runtime);
  models.publish("same", {{1, {runtime, ""}}}, 1);

  const std::vector<float> values(Loan::kSmallest, 1.5F);
  // As the transport has it: the tensor, which comes last, ends at an aligned address.
  std::string text = predict_message("same", "x", 1, values);
  text.insert(0, (4 - text.size() % 4) % 4, '\0');
  auto request = std::make_shared<const std::string>(std::move(text));
  const std::size_t padding = request->find_first_not_of('\0');
  const std::span<const std::byte> bytes = std::as_bytes(std::span(*request)).subspan(padding);
  const std::weak_ptr<const std::string> kept = request;
  std::promise<InferResult> promise;
  std::future<InferResult> future = promise.get_future();
  service.infer(Protocol::kPredict, bytes, clock.now(), kNever,
                std::make_unique<Lender>(std::move(request), std::move(promise)));
  InferResult result = future.get();
  ASSERT_TRUE(result.status.ok()) << result.status.message();
  const std::span<const std::byte> raw = bytes.last(values.size() * sizeof(float));
  bool lies_in_request = false;
  result.response.each_piece([&](std::span<const std::byte> piece) {
    lies_in_request |= piece.data() == raw.data() && piece.size() == raw.size();
  });
  EXPECT_TRUE(lies_in_request);
  EXPECT_FALSE(kept.expired());
}

TEST_P(InferServiceTest, NamesTheModelThatIsNotFound) {
  const Outcome outcome = infer(predict_message("nobody", "x", 1, {1, 2})).get();
  EXPECT_EQ(outcome.code, StatusCode::kNotFound);
  EXPECT_EQ(outcome.message, "model 'nobody' is not found");
}

TEST_P(InferServiceTest, SaysWhyAVersionDoesNotServe) {
  models.publish("double", {{2, {nullptr, "the file is broken"}}}, 0);
  EXPECT_EQ(infer(predict_message("double", "x", 1, {1, 2}, 2)).get().message,
            "model 'double' version 2 does not serve: the file is broken");
  EXPECT_EQ(infer(predict_message("double", "x", 1, {1, 2})).get().code, StatusCode::kUnavailable);
  EXPECT_EQ(infer(predict_message("double", "x", 1, {1, 2}, 7)).get().code, StatusCode::kNotFound);
}

TEST_P(InferServiceTest, AFailingRequestDoesNotHarmItsNeighboursInTheBatch) {
  serve("double", 1);
  gate.close();
  auto first = infer(predict_message("double", "x", 1, {0, 0}));
  gate.await(1);  // the instance is busy: the next three wait and share a batch
  auto good = infer(predict_message("double", "x", 1, {1, 2}));
  auto bad = infer(predict_message("double", "x", 1, {-1, 2}));
  auto also_good = infer(predict_message("double", "x", 1, {3, 4}));
  gate.open();
  EXPECT_EQ(first.get().code, StatusCode::kOk);
  EXPECT_EQ(good.get().code, StatusCode::kOk);
  EXPECT_EQ(also_good.get().code, StatusCode::kOk);
  const Outcome failed = bad.get();
  EXPECT_EQ(failed.code, StatusCode::kInternal);
  EXPECT_EQ(failed.message, "model 'double': a negative number");
  EXPECT_EQ(gate.executed_rows(), (std::vector<std::int64_t>{1, 3, 1, 1, 1}));
}

TEST_P(InferServiceTest, ARequestThatFoundTheOldVersionIsAnsweredByItAfterAReload) {
  serve("double", 1);
  gate.close();
  auto old_call = infer(predict_message("double", "x", 1, {1, 2}));
  gate.await(1);
  const std::shared_ptr<ModelRuntime> old_runtime = runtimes.front();
  serve("double", 2);
  auto stopped = std::async(std::launch::async, [&] { return old_runtime->stop(10s); });
  auto new_call = infer(predict_message("double", "x", 1, {3, 4}));
  gate.await(2);
  gate.open();
  EXPECT_EQ(old_call.get().code, StatusCode::kOk);
  EXPECT_EQ(new_call.get().code, StatusCode::kOk);
  EXPECT_TRUE(stopped.get());
}

TEST_P(InferServiceTest, StoppingWithoutPatienceAnswersWhatWaitsWithUnavailable) {
  serve("double", 1);
  gate.close();
  auto running = infer(predict_message("double", "x", 1, {1, 2}));
  gate.await(1);
  auto waiting = infer(predict_message("double", "x", 1, {3, 4}));
  auto stopped = std::async(std::launch::async, [&] { return runtimes.front()->stop(0ms); });
  EXPECT_EQ(waiting.get().code, StatusCode::kUnavailable);
  gate.open();
  EXPECT_EQ(running.get().code, StatusCode::kOk);
  EXPECT_FALSE(stopped.get());
}

TEST_P(InferServiceTest, ACancelledRequestIsAnsweredAtOnceAndNeverExecuted) {
  serve("double", 1);
  gate.close();
  auto running = infer(predict_message("double", "x", 1, {1, 2}));
  gate.await(1);
  InferCall call;
  auto waiting = infer(predict_message("double", "x", 1, {3, 4}), kNever, &call);
  call.cancel();
  EXPECT_EQ(waiting.get().code, StatusCode::kCancelled);
  gate.open();
  EXPECT_EQ(running.get().code, StatusCode::kOk);
  EXPECT_EQ(gate.executed_rows().size(), 1u);
}

TEST_P(InferServiceTest, ARequestWhoseDeadlineHasPassedIsNotExecuted) {
  serve("double", 1);
  EXPECT_EQ(infer(predict_message("double", "x", 1, {1, 2}), clock.now() - 1ms).get().code,
            StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(gate.executed_rows().empty());
}

TEST_P(InferServiceTest, AFullQueueRefusesAtOnce) {
  BatchSettings settings;
  settings.max_queue_size = 1;
  serve("double", 1, settings);
  gate.close();
  auto running = infer(predict_message("double", "x", 1, {1, 2}));
  gate.await(1);
  auto waiting = infer(predict_message("double", "x", 1, {3, 4}));
  EXPECT_EQ(infer(predict_message("double", "x", 1, {5, 6})).get().code, StatusCode::kResourceExhausted);
  gate.open();
  EXPECT_EQ(waiting.get().code, StatusCode::kOk);
}

TEST_P(InferServiceTest, CountsWhatItsCallersCount) {
  serve("double", 1);
  EXPECT_EQ(infer(predict_message("double", "x", 2, {1, 2, 3, 4})).get().code, StatusCode::kOk);
  EXPECT_EQ(infer(predict_message("double", "z", 1, {1, 2})).get().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(infer(predict_message("double", "x", 1, {-1, 2})).get().code, StatusCode::kInternal);
  runtimes.front()->stop(10s);
  const ModelMetricsSnapshot counts = runtimes.front()->metrics().snapshot();
  EXPECT_EQ(counts.requests_by_code[static_cast<int>(StatusCode::kOk)], 1u);
  EXPECT_EQ(counts.requests_by_code[static_cast<int>(StatusCode::kInvalidArgument)], 1u);
  EXPECT_EQ(counts.requests_by_code[static_cast<int>(StatusCode::kInternal)], 1u);
  EXPECT_EQ(counts.inferences, 2u);
  EXPECT_EQ(counts.batches, 1u);
}

TEST_P(InferServiceTest, AClosedTableRefusesEveryRequest) {
  serve("double", 1);
  models.close("the server is stopping");
  const Outcome outcome = infer(predict_message("double", "x", 1, {1, 2})).get();
  EXPECT_EQ(outcome.code, StatusCode::kUnavailable);
  EXPECT_EQ(outcome.message, "the server is stopping");
}

INSTANTIATE_TEST_SUITE_P(Engines, InferServiceTest,
                         testing::Values(GatedEngine::Takes::kOnePiece, GatedEngine::Takes::kParts),
                         [](const auto& engine) {
                           return engine.param == GatedEngine::Takes::kParts ? "TakesParts" : "TakesOnePiece";
                         });

}  // namespace
}  // namespace pyserver::test
