#include "batching/batch_policy.h"

#include <gtest/gtest.h>

namespace pyserver {
namespace {

using std::chrono::milliseconds;

const TimePoint kArrival{std::chrono::hours(1)};
constexpr std::int64_t kMax = 32;

BatchSettings with_delay(Duration delay, std::vector<std::int64_t> preferred = {}) {
  BatchSettings settings;
  settings.max_queue_delay = delay;
  settings.preferred_batch_sizes = std::move(preferred);
  return settings;
}

QueueView rows_waiting(std::int64_t rows) {
  return {.rows = rows, .full = false, .oldest_arrival = kArrival, .earliest_deadline = kNever};
}

BatchDecision decision(const QueueView& view, const BatchSettings& settings, TimePoint now,
                       Duration expected_execution = {}) {
  return decide(view, settings, kMax, expected_execution, now);
}

TEST(BatchPolicy, TakesAFullBatchWithoutWaiting) {
  QueueView view = rows_waiting(31);  // the next request does not fit
  view.full = true;
  const BatchDecision taken = decision(view, with_delay(milliseconds(10), {4}), kArrival);
  EXPECT_TRUE(taken.take);
  EXPECT_EQ(taken.max_rows, kMax);
}

TEST(BatchPolicy, TakesTheLargestPreferredSizeThatTheRowsReach) {
  const BatchSettings settings = with_delay(milliseconds(10), {4, 8, 16});
  EXPECT_FALSE(decision(rows_waiting(3), settings, kArrival).take);
  EXPECT_EQ(decision(rows_waiting(4), settings, kArrival).max_rows, 4);
  EXPECT_EQ(decision(rows_waiting(15), settings, kArrival).max_rows, 8);
  EXPECT_EQ(decision(rows_waiting(16), settings, kArrival).max_rows, 16);
}

TEST(BatchPolicy, TakesWhatIsThereWhereNoDelayIsSet) {
  EXPECT_TRUE(decision(rows_waiting(1), with_delay({}), kArrival).take);
  const BatchDecision below_preferred = decision(rows_waiting(3), with_delay({}, {4}), kArrival);
  EXPECT_TRUE(below_preferred.take);
  EXPECT_EQ(below_preferred.max_rows, kMax);
}

TEST(BatchPolicy, WaitsUntilTheOldestRequestHasWaitedForTheDelay) {
  const BatchSettings settings = with_delay(milliseconds(10));
  const BatchDecision early = decision(rows_waiting(2), settings, kArrival + milliseconds(9));
  EXPECT_FALSE(early.take);
  EXPECT_EQ(early.wait_until, kArrival + milliseconds(10));
  EXPECT_TRUE(decision(rows_waiting(2), settings, kArrival + milliseconds(10)).take);
}

TEST(BatchPolicy, BeginsEarlyEnoughForTheEarliestDeadline) {
  QueueView view = rows_waiting(2);
  view.earliest_deadline = kArrival + milliseconds(8);
  const BatchSettings settings = with_delay(milliseconds(10));
  const BatchDecision waits = decision(view, settings, kArrival, milliseconds(5));
  EXPECT_FALSE(waits.take);
  EXPECT_EQ(waits.wait_until, kArrival + milliseconds(8) - milliseconds(5) - kDeadlineMargin);
  EXPECT_TRUE(decision(view, settings, waits.wait_until, milliseconds(5)).take);
  // Where even an immediate start may be late, it starts at once.
  EXPECT_TRUE(decision(view, settings, kArrival, milliseconds(20)).take);
}

TEST(BatchPolicy, SurvivesADelayLongerThanTheClock) {
  const BatchDecision waits = decision(rows_waiting(1), with_delay(Duration::max()), kArrival);
  EXPECT_FALSE(waits.take);
  EXPECT_EQ(waits.wait_until, kNever);
}

}  // namespace
}  // namespace pyserver
