#include "batching/request_queue.h"

#include <gtest/gtest.h>

#include "batching/sample_requests.h"

namespace pyserver {
namespace {

using std::chrono::milliseconds;

const TimePoint kNow{std::chrono::hours(1)};

class RequestQueueTest : public testing::Test {
 protected:
  RequestQueueTest() : queue(3, /*batches=*/true) {}

  void push(std::string_view id, Shape shape, std::uint32_t level = 3) {
    queue.push(named(id, request_of(outcome, shape, kNow)), level);
  }
  // The ids of the next batch.
  std::string take(std::int64_t max_rows, TimePoint now = kNow) {
    std::vector<std::unique_ptr<Request>> taken;
    dead.clear();
    rows = queue.take_batch(now, max_rows, taken, dead);
    return ids_of(taken);
  }

  Outcome outcome;
  RequestQueue queue;
  std::vector<std::unique_ptr<Request>> dead;
  std::int64_t rows = 0;
};

TEST_F(RequestQueueTest, TakesRequestsInTheOrderOfTheirArrival) {
  push("a", {1, 4});
  push("b", {2, 4});
  push("c", {1, 4});
  EXPECT_EQ(queue.rows(), 4);
  EXPECT_EQ(take(32), "a b c");
  EXPECT_EQ(rows, 4);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.rows(), 0);
}

TEST_F(RequestQueueTest, TakesHigherLevelsFirstAndMixesLevelsInOneBatch) {
  push("low", {1, 4}, 3);
  push("high", {1, 4}, 1);
  push("middle", {1, 4}, 2);
  EXPECT_EQ(take(2), "high middle");
  EXPECT_EQ(take(2), "low");
}

TEST_F(RequestQueueTest, PassesOverRequestsOfAnotherSignatureButKeepsTheirOrder) {
  push("a", {1, 4});
  push("B", {1, 5});
  push("c", {1, 4});
  push("D", {1, 5});
  EXPECT_EQ(take(32), "a c");
  EXPECT_EQ(take(32), "B D");
}

TEST_F(RequestQueueTest, StopsAtTheFirstCompatibleRequestThatDoesNotFit) {
  push("a", {3, 4});
  push("b", {2, 4});
  push("c", {1, 4});  // would fit, but came after b
  EXPECT_EQ(take(4), "a");
  EXPECT_EQ(take(4), "b c");
}

TEST_F(RequestQueueTest, TakesTheFirstRequestEvenWhereItExceedsTheLimit) {
  push("a", {8, 4});
  push("b", {1, 4});
  EXPECT_EQ(take(4), "a");
  EXPECT_EQ(rows, 8);
}

TEST_F(RequestQueueTest, GivesEveryRequestItsOwnBatchWhereTheModelDoesNotBatch) {
  RequestQueue alone(1, /*batches=*/false);
  alone.push(named("a", request_of(outcome, {1, 4}, kNow)), 1);
  alone.push(named("b", request_of(outcome, {1, 4}, kNow)), 1);
  EXPECT_TRUE(alone.view(1).full);
  std::vector<std::unique_ptr<Request>> taken;
  alone.take_batch(kNow, 1, taken, dead);
  EXPECT_EQ(ids_of(taken), "a");
}

TEST_F(RequestQueueTest, DropsDeadRequestsAnywhere) {
  push("a", {1, 4});
  auto late = named("late", request_of(outcome, {1, 5}, kNow));
  late->deadline = kNow + milliseconds(5);
  queue.push(std::move(late), 2);
  auto gone = named("gone", request_of(outcome, {1, 4}, kNow));
  const auto cancellation = std::make_shared<Cancellation>();
  gone->cancellation = cancellation;
  queue.push(std::move(gone), 3);
  push("b", {1, 4});
  EXPECT_EQ(queue.earliest_deadline(), kNow + milliseconds(5));

  queue.take_expired_or_cancelled(kNow, dead);
  EXPECT_EQ(ids_of(dead), "");
  cancellation->cancel();
  queue.take_expired_or_cancelled(kNow + milliseconds(5), dead);
  EXPECT_EQ(ids_of(dead), "late gone");
  EXPECT_EQ(queue.earliest_deadline(), kNever);
  EXPECT_EQ(take(32), "a b");
}

TEST_F(RequestQueueTest, NeverPutsADeadRequestIntoABatch) {
  auto late = named("late", request_of(outcome, {1, 4}, kNow));
  late->deadline = kNow + milliseconds(5);
  queue.push(std::move(late), 3);
  push("a", {1, 4});
  EXPECT_EQ(take(32, kNow + milliseconds(5)), "a");
  EXPECT_EQ(ids_of(dead), "late");
}

TEST_F(RequestQueueTest, ShowsThePolicyOnlyWhatCouldGoWithTheFirst) {
  auto first = request_of(outcome, {2, 4}, kNow);
  first->deadline = kNow + milliseconds(9);
  queue.push(std::move(first), 3);
  auto other = request_of(outcome, {7, 5}, kNow - milliseconds(3));
  other->deadline = kNow + milliseconds(1);
  queue.push(std::move(other), 3);
  queue.push(request_of(outcome, {1, 4}, kNow - milliseconds(1)), 3);

  QueueView view = queue.view(32);
  EXPECT_EQ(view.rows, 3);
  EXPECT_FALSE(view.full);
  EXPECT_EQ(view.oldest_arrival, kNow - milliseconds(1));
  EXPECT_EQ(view.earliest_deadline, kNow + milliseconds(9));
  EXPECT_TRUE(queue.view(3).full);
  view = queue.view(2);
  EXPECT_TRUE(view.full);
  EXPECT_EQ(view.rows, 2);
}

TEST(BatchSignature, IgnoresTheFirstDimensionAndNothingElse) {
  Outcome outcome;
  const auto base = request_of(outcome, {1, 4}, kNow);
  EXPECT_TRUE(same_batch_signature(*base, *request_of(outcome, {3, 4}, kNow)));
  EXPECT_FALSE(same_batch_signature(*base, *request_of(outcome, {1, 5}, kNow)));
  EXPECT_FALSE(same_batch_signature(*base, *request_of(outcome, {1, 4, 1}, kNow)));
  EXPECT_FALSE(same_batch_signature(*base, *request_of(outcome, {1, 4}, kNow, Datatype::kInt32)));
}

TEST(BatchSignature, TellsAnAbsentOptionalInputFromAPresentOne) {
  Outcome outcome;
  const auto with = request_of(outcome, {1, 4}, kNow);
  with->inputs.push_back({"y", Datatype::kFp32, {1}, {}});
  const auto without = request_of(outcome, {1, 4}, kNow);
  without->inputs.push_back(TensorView{});
  EXPECT_FALSE(same_batch_signature(*with, *without));
  RequestQueue queue(1, true);
  queue.push(request_of(outcome, {1, 4}, kNow), 1);
  EXPECT_EQ(queue.view(32).rows, 1);
}

}  // namespace
}  // namespace pyserver
