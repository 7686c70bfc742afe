// The promises of InferService, ModelTable and ModelRuntime together: bytes in → completion(bytes out | status).
#include "server/infer_service.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "engines/identity/identity_engine.h"
#include "server/gated_service.h"
#include "server/predict_message.h"

namespace pyserver::test {
namespace {

using namespace std::chrono_literals;

// For engines that take batches in one piece, and for those that gather the rows themselves.
class InferServiceTest : public testing::TestWithParam<GatedEngine::Takes>, protected GatedService {
 protected:
  InferServiceTest() : GatedService(GetParam()) {}

  std::future<Outcome> infer(std::string message, TimePoint deadline = kNever, InferCall* call = nullptr) {
    return GatedService::infer(Protocol::kPredict, std::move(message), deadline, call);
  }
};

TEST_P(InferServiceTest, AnswersWithTheModelsOutput) {
  serve("double", 3);
  const Outcome outcome = infer(predict_message("double", "x", 1, {1, 2})).get();
  ASSERT_EQ(outcome.status.code(), StatusCode::kOk) << outcome.status.message();
  const float expected[] = {2, 4};
  EXPECT_NE(outcome.response.find(std::string(reinterpret_cast<const char*>(expected), sizeof expected)),
            std::string::npos);
}

// Looks at what is counted when the answer is there.
class Counted final : public InferCompletion {
 public:
  Counted(ModelRuntime& runtime, std::promise<std::uint64_t> batches)
      : runtime_(runtime), batches_(std::move(batches)) {}
  void done(InferResult) override { batches_.set_value(runtime_.metrics().snapshot().batches); }

 private:
  ModelRuntime& runtime_;
  std::promise<std::uint64_t> batches_;
};

TEST_P(InferServiceTest, WhoHasItsAnswerFindsItsBatchCounted) {
  serve("double", 1);
  std::promise<std::uint64_t> promise;
  std::future<std::uint64_t> batches = promise.get_future();
  const std::string message = predict_message("double", "x", 1, {1, 2});
  service.infer(Protocol::kPredict, std::as_bytes(std::span(message)), clock.now(), kNever,
                std::make_unique<Counted>(*runtimes.front(), std::move(promise)));
  EXPECT_EQ(batches.get(), 1U);
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
  EXPECT_EQ(outcome.status.code(), StatusCode::kNotFound);
  EXPECT_EQ(outcome.status.message(), "model 'nobody' is not found");
}

TEST_P(InferServiceTest, SaysWhyAVersionDoesNotServe) {
  models.publish("double", {{2, {nullptr, "the file is broken"}}}, 0);
  EXPECT_EQ(infer(predict_message("double", "x", 1, {1, 2}, 2)).get().status.message(),
            "model 'double' version 2 does not serve: the file is broken");
  EXPECT_EQ(infer(predict_message("double", "x", 1, {1, 2})).get().status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(infer(predict_message("double", "x", 1, {1, 2}, 7)).get().status.code(), StatusCode::kNotFound);
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
  EXPECT_EQ(first.get().status.code(), StatusCode::kOk);
  EXPECT_EQ(good.get().status.code(), StatusCode::kOk);
  EXPECT_EQ(also_good.get().status.code(), StatusCode::kOk);
  const Outcome failed = bad.get();
  EXPECT_EQ(failed.status.code(), StatusCode::kInternal);
  EXPECT_EQ(failed.status.message(), "model 'double': a negative number");
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
  EXPECT_EQ(old_call.get().status.code(), StatusCode::kOk);
  EXPECT_EQ(new_call.get().status.code(), StatusCode::kOk);
  EXPECT_TRUE(stopped.get());
}

TEST_P(InferServiceTest, StoppingWithoutPatienceAnswersWhatWaitsWithUnavailable) {
  serve("double", 1);
  gate.close();
  auto running = infer(predict_message("double", "x", 1, {1, 2}));
  gate.await(1);
  auto waiting = infer(predict_message("double", "x", 1, {3, 4}));
  auto stopped = std::async(std::launch::async, [&] { return runtimes.front()->stop(0ms); });
  EXPECT_EQ(waiting.get().status.code(), StatusCode::kUnavailable);
  gate.open();
  EXPECT_EQ(running.get().status.code(), StatusCode::kOk);
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
  EXPECT_EQ(waiting.get().status.code(), StatusCode::kCancelled);
  gate.open();
  EXPECT_EQ(running.get().status.code(), StatusCode::kOk);
  EXPECT_EQ(gate.executed_rows().size(), 1u);
}

TEST_P(InferServiceTest, ARequestWhoseDeadlineHasPassedIsNotExecuted) {
  serve("double", 1);
  EXPECT_EQ(infer(predict_message("double", "x", 1, {1, 2}), clock.now() - 1ms).get().status.code(),
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
  EXPECT_EQ(infer(predict_message("double", "x", 1, {5, 6})).get().status.code(), StatusCode::kResourceExhausted);
  gate.open();
  EXPECT_EQ(waiting.get().status.code(), StatusCode::kOk);
}

TEST_P(InferServiceTest, CountsWhatItsCallersCount) {
  serve("double", 1);
  EXPECT_EQ(infer(predict_message("double", "x", 2, {1, 2, 3, 4})).get().status.code(), StatusCode::kOk);
  EXPECT_EQ(infer(predict_message("double", "z", 1, {1, 2})).get().status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(infer(predict_message("double", "x", 1, {-1, 2})).get().status.code(), StatusCode::kInternal);
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
  EXPECT_EQ(outcome.status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(outcome.status.message(), "the server is stopping");
}

INSTANTIATE_TEST_SUITE_P(Engines, InferServiceTest,
                         testing::Values(GatedEngine::Takes::kOnePiece, GatedEngine::Takes::kParts),
                         [](const auto& engine) {
                           return engine.param == GatedEngine::Takes::kParts ? "TakesParts" : "TakesOnePiece";
                         });

}  // namespace
}  // namespace pyserver::test
