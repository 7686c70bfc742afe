#include "batching/instance_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "batching/load_simulation.h"

namespace pyserver {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart{std::chrono::hours(1)};

// MiniLM on OpenVINO and two cores, as measured: alone and in batches of 32, 200 and 285 rows/s from one instance with
// both threads, 243 and 295 from two with one thread each.
const SimulatedGroup kWide{{.count = 1, .threads = 2}, {.overhead_us = 1540, .row_us = 3460}};
const SimulatedGroup kNarrow{{.count = 2, .threads = 1}, {.overhead_us = 1550, .row_us = 6680}};
constexpr std::int64_t kMax = 32;

SimulationResult simulate(const std::vector<SimulatedGroup>& groups, int clients, microseconds turnaround) {
  LoadSimulation simulation({}, kMax, groups);
  return simulation.run(clients, turnaround, microseconds(50), seconds(20));
}

std::size_t wanted(InstancePlan& plan, double requests) {
  LoadEstimate load(100);
  load.raise(requests);
  return plan.choose(load, 0, false);
}

TEST(InstancePlan, GoesNarrowAsTheLoadRisesAndWideOnlyWellBelowThat) {
  InstancePlan plan({{1, 2}, {2, 1}});
  EXPECT_EQ(wanted(plan, 1.55), 0u);
  EXPECT_EQ(wanted(plan, 1.6), 1u);
  EXPECT_EQ(wanted(plan, 1.4), 1u);
  EXPECT_EQ(wanted(plan, 1.3), 0u);
}

TEST(InstancePlan, PassesThroughGroupsOfAnyNumber) {
  InstancePlan plan({{1, 8}, {2, 4}, {4, 2}, {8, 1}});
  EXPECT_EQ(wanted(plan, 8), 3u);
  EXPECT_EQ(wanted(plan, 4), 2u);
  EXPECT_EQ(wanted(plan, 2), 1u);
  EXPECT_EQ(wanted(plan, 0), 0u);
}

TEST(InstancePlan, SpreadsABurstOnAnIdleServerAtOnceAndKeepsToIt) {
  InstancePlan plan({{1, 2}, {2, 1}});
  LoadEstimate load(plan.most_requests());
  EXPECT_EQ(plan.choose(load, 1, false), 0u);
  EXPECT_EQ(plan.choose(load, 32, false), 1u);
  EXPECT_EQ(plan.choose(load, 16, true), 1u);  // the second instance comes for its part
}

TEST(InstancePlan, DividesWhatWaitsAmongIdleInstancesAndWhatIsInTheSystemAmongAll) {
  const InstancePlan plan({{2, 1}});
  EXPECT_EQ(plan.fair_share(0, 2, 7, 7, 0), 4);
  EXPECT_EQ(plan.fair_share(0, 1, 31, 32, 0), 16);     // the other executes one and is idle soon
  EXPECT_EQ(plan.fair_share(0, 1, 15, 16, 31.2), 15);  // sixteen clients were just answered and send again soon
  EXPECT_EQ(plan.fair_share(0, 2, 1, 1, 0), 1);
  EXPECT_FALSE(InstancePlan({{2, 0}}).shares(0));  // no CPU threads: the largest batch is best
  EXPECT_FALSE(InstancePlan({{1, 4}}).shares(0));
}

TEST(LoadEstimate, IsTheAverageOverTimeAndDecaysWithFourExecutions) {
  LoadEstimate load(3);
  load.executed(milliseconds(10));
  load.observe(kStart, 2, 6);
  load.observe(kStart + milliseconds(40), 0, 0);
  EXPECT_NEAR(load.requests(), 2 * (1 - std::exp(-1.0)), 1e-9);
  EXPECT_NEAR(load.rows(), 6 * (1 - std::exp(-1.0)), 1e-9);
  load.observe(kStart + milliseconds(80), 0, 0);
  EXPECT_NEAR(load.requests(), 2 * (1 - std::exp(-1.0)) * std::exp(-1.0), 1e-9);
}

TEST(LoadEstimate, ForgetsAGreatLoadAsFastAsASmallOne) {
  LoadEstimate load(3);
  load.observe(kStart, 1000, 1000);
  load.observe(kStart + seconds(10), 1, 1);
  EXPECT_NEAR(load.requests(), 3, 1e-9);
}

TEST(SimulatedLoad, OneInFlightRunsAsFastAsTheWidePlan) {
  for (const microseconds turnaround : {microseconds(100), microseconds(1000), microseconds(3000)}) {
    const double best = simulate({kWide}, 1, turnaround).rows_per_second;
    EXPECT_GE(simulate({kWide, kNarrow}, 1, turnaround).rows_per_second, 0.98 * best) << turnaround.count();
  }
}

TEST(SimulatedLoad, ThirtyTwoInFlightReachTheBestThatTwoCoresCanGive) {
  // Both cores always at work on batches of 16, which no fixed plan exceeds.
  const double bound = 2 * 16 / std::chrono::duration<double>(kNarrow.service.of(16)).count();
  for (const microseconds turnaround : {microseconds(100), microseconds(1000), microseconds(3000)}) {
    const SimulationResult result = simulate({kWide, kNarrow}, 32, turnaround);
    EXPECT_GE(result.rows_per_second, 0.95 * bound) << turnaround.count();
    EXPECT_GE(result.mean_batch, 8) << turnaround.count();
    EXPECT_FALSE(result.mixed_groups);
  }
}

TEST(SimulatedLoad, NoNumberOfClientsInBetweenCollapses) {
  for (const microseconds turnaround : {microseconds(100), microseconds(1000), microseconds(3000)}) {
    for (int clients = 2; clients <= 16; ++clients) {
      const double best = std::max(simulate({kWide}, clients, turnaround).rows_per_second,
                                   simulate({kNarrow}, clients, turnaround).rows_per_second);
      const SimulationResult result = simulate({kWide, kNarrow}, clients, turnaround);
      EXPECT_GE(result.rows_per_second, 0.9 * best)
          << clients << " clients, turnaround " << turnaround.count() << " µs";
      EXPECT_FALSE(result.mixed_groups);
    }
  }
}

TEST(SimulatedLoad, FollowsAChangeOfLoadWithinASecond) {
  LoadSimulation simulation({}, kMax, {kWide, kNarrow});
  simulation.run(1, microseconds(100), {}, seconds(2));
  const SimulationResult rise = simulation.run(32, microseconds(100), {}, seconds(1));
  EXPECT_LE(rise.rows_by_group[0], 2);  // what was executing, and at most one more
  simulation.run(1, microseconds(100), {}, seconds(1));
  const SimulationResult fallen = simulation.run(1, microseconds(100), {}, seconds(1));
  EXPECT_EQ(fallen.rows_by_group[1], 0);
  EXPECT_GT(fallen.rows_by_group[0], 190);
}

}  // namespace
}  // namespace pyserver
