#include "batching/dynamic_batcher.h"

#include <gtest/gtest.h>

#include <deque>
#include <future>
#include <thread>

#include "batching/sample_requests.h"
#include "support/fake_clock.h"

namespace pyserver {
namespace {

using std::chrono::milliseconds;

class DynamicBatcherTest : public testing::Test {
 protected:
  std::unique_ptr<DynamicBatcher> batcher_with(BatchSettings settings, std::int64_t max_batch_size = 8,
                                               std::vector<InstanceGroup> groups = {{}}) {
    return std::make_unique<DynamicBatcher>(settings, max_batch_size, std::move(groups), clock, metrics);
  }

  std::unique_ptr<Request> request(std::string_view id = "", std::int64_t rows = 1) {
    return named(id, request_of(outcomes.emplace_back(), {rows, 4}, clock.now()));
  }
  // The outcome of the request that was made as number `index`.
  const Outcome& outcome(std::size_t index) const { return outcomes[index]; }

  Status put(DynamicBatcher& batcher, std::unique_ptr<Request> one) {
    Status status = batcher.enqueue(one);
    EXPECT_EQ(status.ok(), one == nullptr);  // on failure it is still the caller's
    return status;
  }

  // Takes one batch in a thread of its own, as an instance does.
  std::future<std::string> next_ids(DynamicBatcher& batcher, std::size_t group = 0) {
    return std::async(std::launch::async, [&batcher, group] {
      Batch batch;
      if (!batcher.next_batch(group, batch)) return std::string("stopped");
      std::string ids = ids_of(batch.requests);
      for (auto& taken : batch.requests) finish(std::move(taken), {});
      batcher.batch_done(group);
      return ids;
    });
  }

  FakeClock clock;
  ModelMetrics metrics;
  std::deque<Outcome> outcomes;
};

TEST_F(DynamicBatcherTest, GivesAnIdleInstanceWhatIsThere) {
  const auto batcher = batcher_with({});
  auto taken = next_ids(*batcher);
  clock.await_waiting(1);
  EXPECT_TRUE(put(*batcher, request("a")).ok());
  EXPECT_EQ(taken.get(), "a");
  EXPECT_EQ(batcher->depth(), 0u);
}

TEST_F(DynamicBatcherTest, FillsABatchToItsLimitInTheOrderOfArrival) {
  const auto batcher = batcher_with({}, 4);
  for (const char* id : {"a", "b", "c", "d", "e"}) EXPECT_TRUE(put(*batcher, request(id)).ok());
  Batch batch;
  clock.advance(milliseconds(3));
  ASSERT_TRUE(batcher->next_batch(0, batch));
  EXPECT_EQ(ids_of(batch.requests), "a b c d");
  EXPECT_EQ(batch.rows, 4);
  EXPECT_EQ(batch.requests[0]->timeline.batch_began, clock.now());
  batcher->batch_done(0);
  EXPECT_EQ(batcher->depth(), 1u);
}

TEST_F(DynamicBatcherTest, WaitsForMoreRequestsUntilTheDelayIsOver) {
  BatchSettings settings;
  settings.max_queue_delay = milliseconds(10);
  const auto batcher = batcher_with(settings);
  const TimePoint due = clock.now() + milliseconds(10);
  auto taken = next_ids(*batcher);
  EXPECT_TRUE(put(*batcher, request("a")).ok());
  clock.await_wait_until(due);
  clock.advance(milliseconds(4));
  EXPECT_TRUE(put(*batcher, request("b")).ok());
  clock.await_wait_until(due);
  EXPECT_EQ(batcher->depth(), 2u);
  clock.advance(milliseconds(6));
  EXPECT_EQ(taken.get(), "a b");
}

TEST_F(DynamicBatcherTest, EndsTheDelayWhenTheBatchIsFull) {
  BatchSettings settings;
  settings.max_queue_delay = milliseconds(10);
  const auto batcher = batcher_with(settings, 2);
  auto taken = next_ids(*batcher);
  EXPECT_TRUE(put(*batcher, request("a")).ok());
  clock.await_wait_until(clock.now() + milliseconds(10));
  EXPECT_TRUE(put(*batcher, request("b")).ok());
  EXPECT_EQ(taken.get(), "a b");
}

TEST_F(DynamicBatcherTest, EndsTheDelayInTimeForADeadline) {
  BatchSettings settings;
  settings.max_queue_delay = milliseconds(10);
  const auto batcher = batcher_with(settings);
  auto taken = next_ids(*batcher);
  EXPECT_TRUE(put(*batcher, request("a")).ok());
  clock.await_wait_until(clock.now() + milliseconds(10));
  auto urgent = request("urgent");
  urgent->deadline = clock.now() + milliseconds(5);
  EXPECT_TRUE(put(*batcher, std::move(urgent)).ok());
  clock.await_wait_until(clock.now() + milliseconds(4));  // one millisecond is kept for the way back
  clock.advance(milliseconds(4));
  EXPECT_EQ(taken.get(), "a urgent");
  EXPECT_TRUE(outcome(1).status.ok());
}

TEST_F(DynamicBatcherTest, RefusesWhatGoesBeyondTheQueueAndLeavesItUntouched) {
  BatchSettings settings;
  settings.max_queue_size = 2;
  const auto batcher = batcher_with(settings);
  EXPECT_TRUE(put(*batcher, request()).ok());
  EXPECT_TRUE(put(*batcher, request()).ok());
  const Status status = put(*batcher, request());
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "model 'm': the queue is full: 2 requests wait (max_queue_size)");
  EXPECT_EQ(outcome(2).completions, 0);
}

TEST_F(DynamicBatcherTest, MakesRoomInAFullQueueByDroppingExpiredRequests) {
  BatchSettings settings;
  settings.max_queue_size = 1;
  settings.default_timeout = milliseconds(5);
  const auto batcher = batcher_with(settings);
  EXPECT_TRUE(put(*batcher, request("a")).ok());
  clock.advance(milliseconds(5));
  EXPECT_TRUE(put(*batcher, request("b")).ok());
  EXPECT_EQ(outcome(0).status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(next_ids(*batcher).get(), "b");
}

TEST_F(DynamicBatcherTest, AppliesTheDefaultTimeoutOnlyToRequestsWithoutADeadline) {
  BatchSettings settings;
  settings.default_timeout = milliseconds(5);
  const auto batcher = batcher_with(settings);
  auto patient = request("patient");
  patient->deadline = clock.now() + milliseconds(50);
  EXPECT_TRUE(put(*batcher, std::move(patient)).ok());
  EXPECT_TRUE(put(*batcher, request("hasty")).ok());
  clock.advance(milliseconds(6));
  EXPECT_EQ(next_ids(*batcher).get(), "patient");
  EXPECT_EQ(outcome(1).status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(outcome(1).status.message(), "model 'm': the deadline passed after waiting 6000 µs; it was not executed");
  EXPECT_EQ(metrics.dropped_expired.value(), 1u);
}

TEST_F(DynamicBatcherTest, AnswersACancelledRequestAtOnceAndNeverExecutesIt) {
  const auto batcher = batcher_with({});
  const auto cancellation = std::make_shared<Cancellation>();
  auto gone = request("gone");
  gone->cancellation = cancellation;
  EXPECT_TRUE(put(*batcher, std::move(gone)).ok());
  EXPECT_TRUE(put(*batcher, request("a")).ok());
  cancellation->cancel();
  batcher->drop_cancelled();
  EXPECT_EQ(outcome(0).completions, 1);
  EXPECT_EQ(outcome(0).status.code(), StatusCode::kCancelled);
  EXPECT_EQ(metrics.dropped_cancelled.value(), 1u);
  EXPECT_EQ(next_ids(*batcher).get(), "a");
}

TEST_F(DynamicBatcherTest, DropsACancelledRequestWhenTheBatchIsFormed) {
  const auto batcher = batcher_with({});
  const auto cancellation = std::make_shared<Cancellation>();
  cancellation->cancel();
  auto gone = request("gone");
  gone->cancellation = cancellation;
  EXPECT_TRUE(put(*batcher, std::move(gone)).ok());
  auto taken = next_ids(*batcher);
  clock.await_waiting(1);  // nothing was left to execute
  EXPECT_EQ(outcome(0).status.code(), StatusCode::kCancelled);
  EXPECT_TRUE(put(*batcher, request("a")).ok());
  EXPECT_EQ(taken.get(), "a");
}

TEST_F(DynamicBatcherTest, ServesPrioritiesInOrderAndRefusesUnknownOnes) {
  BatchSettings settings;
  settings.priority_levels = 2;
  const auto batcher = batcher_with(settings);
  auto first = request("first");
  first->priority = 1;
  EXPECT_TRUE(put(*batcher, request("default")).ok());
  EXPECT_TRUE(put(*batcher, std::move(first)).ok());
  auto unknown = request();
  unknown->priority = 3;
  const Status status = put(*batcher, std::move(unknown));
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "model 'm': expected a priority from 1 (first) to 2, or 0 for the last, got 3");
  EXPECT_EQ(next_ids(*batcher).get(), "first default");
}

TEST_F(DynamicBatcherTest, GivesOutWhatWaitsBeforeItStops) {
  BatchSettings settings;
  settings.max_queue_delay = milliseconds(10);
  const auto batcher = batcher_with(settings);
  auto waiting = next_ids(*batcher);
  EXPECT_TRUE(put(*batcher, request("a")).ok());
  clock.await_wait_until(clock.now() + milliseconds(10));
  batcher->stop(/*abandon=*/false);  // which ends the delay too
  EXPECT_EQ(waiting.get(), "a");
  EXPECT_EQ(next_ids(*batcher).get(), "stopped");
  EXPECT_EQ(put(*batcher, request()).code(), StatusCode::kUnavailable);
}

TEST_F(DynamicBatcherTest, AnswersWhatWaitsWhenItIsAbandonedOrDestroyed) {
  auto batcher = batcher_with({});
  EXPECT_TRUE(put(*batcher, request()).ok());
  batcher->stop(/*abandon=*/true);
  EXPECT_EQ(outcome(0).status.code(), StatusCode::kUnavailable);
  batcher = batcher_with({});
  EXPECT_TRUE(put(*batcher, request()).ok());
  batcher.reset();
  EXPECT_EQ(outcome(1).completions, 1);
  EXPECT_EQ(outcome(1).status.code(), StatusCode::kUnavailable);
}

TEST_F(DynamicBatcherTest, StopsTheThreadsOfEveryGroup) {
  const auto batcher = batcher_with({}, 8, {{1, 2}, {2, 1}});
  auto wide = next_ids(*batcher, 0);
  auto narrow = next_ids(*batcher, 1);
  auto other_narrow = next_ids(*batcher, 1);
  clock.await_waiting(3);
  batcher->stop(false);
  EXPECT_EQ(wide.get(), "stopped");
  EXPECT_EQ(narrow.get(), "stopped");
  EXPECT_EQ(other_narrow.get(), "stopped");
}

TEST_F(DynamicBatcherTest, GivesALoneRequestToTheWideGroupAndABurstToTheNarrowOne) {
  const auto batcher = batcher_with({}, 8, {{1, 2}, {2, 1}});
  auto wide = next_ids(*batcher, 0);
  clock.await_waiting(1);
  EXPECT_TRUE(put(*batcher, request("lone")).ok());
  EXPECT_EQ(wide.get(), "lone");
  for (const char* id : {"a", "b", "c", "d"}) EXPECT_TRUE(put(*batcher, request(id)).ok());
  EXPECT_EQ(next_ids(*batcher, 1).get(), "a b");  // the other narrow instance has its part
  EXPECT_EQ(metrics.group_switches.value(), 1u);
}

TEST_F(DynamicBatcherTest, WakesTheSecondInstanceForWhatTheFirstLeaves) {
  const auto batcher = batcher_with({}, 2, {{2, 0}});
  auto one = next_ids(*batcher);
  auto other = next_ids(*batcher);
  clock.await_waiting(2);
  for (const char* id : {"a", "b", "c", "d"}) EXPECT_TRUE(put(*batcher, request(id)).ok());
  one.get();
  other.get();
  EXPECT_EQ(outcome(1).completions, 1);
}

TEST_F(DynamicBatcherTest, KeepsBatchSignaturesApart) {
  const auto batcher = batcher_with({});
  EXPECT_TRUE(put(*batcher, request("a")).ok());
  EXPECT_TRUE(put(*batcher, named("B", request_of(outcomes.emplace_back(), {1, 5}, clock.now()))).ok());
  EXPECT_TRUE(put(*batcher, request("c")).ok());
  EXPECT_EQ(next_ids(*batcher).get(), "a c");
  EXPECT_EQ(next_ids(*batcher).get(), "B");
}

TEST_F(DynamicBatcherTest, LetsOneGroupDrainBeforeAnotherBegins) {
  const auto batcher = batcher_with({}, 8, {{1, 2}, {2, 1}});
  EXPECT_TRUE(put(*batcher, request("lone")).ok());
  Batch wide;
  ASSERT_TRUE(batcher->next_batch(0, wide));
  EXPECT_TRUE(put(*batcher, request("a")).ok());
  EXPECT_TRUE(put(*batcher, request("b")).ok());
  clock.advance(std::chrono::seconds(10));  // three in the system on average: the narrow group is wanted
  auto narrow = next_ids(*batcher, 1);
  clock.await_waiting(1);  // and waits for the wide one
  EXPECT_EQ(batcher->depth(), 2u);
  batcher->batch_done(0);
  EXPECT_EQ(narrow.get(), "a");
}

}  // namespace
}  // namespace pyserver
