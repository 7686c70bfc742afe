#include "loadgen/schedule.h"

#include <gtest/gtest.h>

#include <map>

namespace pyserver::loadgen::test {
namespace {

LoadPlan plan() {
  LoadPlan made;
  made.warmup = 100;
  made.duration = 900;
  made.window = 100;
  return made;
}

LoadPlan open_plan(std::vector<Nanos> arrivals) {
  LoadPlan made = plan();
  made.arrivals = std::move(arrivals);
  return made;
}

TEST(Schedule, AnOpenLoopSendsWhatIsDueInOrder) {
  const LoadPlan open = open_plan({5, 5, 700});
  Schedule schedule(open, 2, 0, 1);
  EXPECT_EQ(schedule.next_due(), 5);
  EXPECT_EQ(schedule.take(50).due, 5);
  EXPECT_EQ(schedule.take(50).due, 5);
  EXPECT_EQ(schedule.next_due(), 700);
  EXPECT_FALSE(schedule.exhausted(50));
  EXPECT_EQ(schedule.take(800).due, 700);
  EXPECT_EQ(schedule.next_due(), kNeverNanos);
  EXPECT_TRUE(schedule.exhausted(800));
}

TEST(Schedule, WorkersShareAllArrivalsAmongThem) {
  std::vector<Nanos> arrivals;
  for (Nanos due = 0; due < 100; ++due) arrivals.push_back(due * 7);
  const LoadPlan open = open_plan(arrivals);
  std::map<Nanos, int> seen;
  std::map<std::uint32_t, int> bodies;
  for (std::size_t worker = 0; worker < 3; ++worker) {
    Schedule schedule(open, 4, worker, 3);
    while (!schedule.exhausted(0)) {
      const Schedule::Next next = schedule.take(0);
      ++seen[next.due];
      ++bodies[next.body];
    }
  }
  ASSERT_EQ(seen.size(), 100u);
  for (const auto& [due, times] : seen) EXPECT_EQ(times, 1) << due;
  for (std::uint32_t body = 0; body < 4; ++body) EXPECT_EQ(bodies[body], 25);
}

TEST(Schedule, ArrivalsAfterTheEndOfThePlanAreNotSent) {
  const LoadPlan open = open_plan({0, 999, 1000, 1001});
  Schedule schedule(open, 1, 0, 1);
  schedule.take(0);
  schedule.take(0);
  EXPECT_TRUE(schedule.exhausted(0));
}

TEST(Schedule, TheNumberOfRequestsCountsAfterTheWarmUp) {
  LoadPlan open = open_plan({0, 50, 100, 200, 300});
  open.max_requests = 2;
  Schedule schedule(open, 1, 0, 1);
  std::vector<Nanos> sent;
  while (!schedule.exhausted(0)) sent.push_back(schedule.take(0).due);
  EXPECT_EQ(sent, (std::vector<Nanos>{0, 50, 100, 200}));
}

TEST(Schedule, AClosedLoopIsAlwaysDueUntilThePlanEnds) {
  LoadPlan closed = plan();
  closed.concurrency = 1;
  Schedule schedule(closed, 1, 0, 1);
  EXPECT_EQ(schedule.take(123).due, 123);
  EXPECT_FALSE(schedule.exhausted(999));
  EXPECT_TRUE(schedule.exhausted(1000));
}

TEST(Schedule, AClosedLoopsNumberOfRequestsIsSharedOut) {
  LoadPlan closed = plan();
  closed.concurrency = 3;
  closed.max_requests = 8;
  int sent = 0;
  for (std::size_t worker = 0; worker < 3; ++worker) {
    Schedule schedule(closed, 1, worker, 3);
    schedule.take(50);  // of the warm-up: does not count
    for (; !schedule.exhausted(100); ++sent) schedule.take(100);
  }
  EXPECT_EQ(sent, 8);
}

TEST(Schedule, BodiesAreThoseOfThePlanOverAndOver) {
  LoadPlan open = open_plan({0, 1, 2, 3, 4});
  open.bodies = {2, 0};
  Schedule schedule(open, 3, 0, 1);
  std::vector<std::uint32_t> bodies;
  while (!schedule.exhausted(0)) bodies.push_back(schedule.take(0).body);
  EXPECT_EQ(bodies, (std::vector<std::uint32_t>{2, 0, 2, 0, 2}));
}

TEST(LoadPlan, SharesTheConcurrencyOutOverItsConnections) {
  LoadPlan closed = plan();
  closed.concurrency = 7;
  closed.connections = 3;
  EXPECT_EQ(closed.in_flight_on(0), 3u);
  EXPECT_EQ(closed.in_flight_on(1), 2u);
  EXPECT_EQ(closed.in_flight_on(2), 2u);
}

TEST(LoadPlan, RefusesBodiesThatAreNotThere) {
  LoadPlan closed = plan();
  closed.concurrency = 1;
  closed.bodies = {0, 3};
  EXPECT_TRUE(closed.check(4).ok());
  EXPECT_EQ(closed.check(3).code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace pyserver::loadgen::test
