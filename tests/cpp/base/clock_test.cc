#include "base/clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace pyserver {
namespace {

using namespace std::chrono_literals;

TEST(SteadyClock, NeverGoesBack) {
  const SteadyClock clock;
  TimePoint last = clock.now();
  for (int i = 0; i < 1000; ++i) {
    const TimePoint now = clock.now();
    EXPECT_GE(now, last);
    last = now;
  }
}

TEST(SteadyClock, ReturnsAtOnceFromATimeThatHasPassed) {
  SteadyClock clock;
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock lock(mutex);
  clock.wait_until(lock, condition, clock.now() - 1h);
  EXPECT_TRUE(lock.owns_lock());
}

TEST(SteadyClock, WaitsUntilTheTimeHasComeWithoutANotification) {
  SteadyClock clock;
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock lock(mutex);
  const TimePoint until = clock.now() + 2ms;
  while (clock.now() < until) clock.wait_until(lock, condition, until);
  EXPECT_TRUE(lock.owns_lock());
}

// Waiting for `until` in a thread of its own, does a notification end the wait?
void expect_woken_by_notification(TimePoint until) {
  SteadyClock clock;
  std::mutex mutex;
  std::condition_variable condition;
  bool waiting = false;
  bool told = false;
  std::thread waiter([&] {
    std::unique_lock lock(mutex);
    waiting = true;
    condition.notify_all();
    while (!told) clock.wait_until(lock, condition, until);
  });
  {
    std::unique_lock lock(mutex);
    condition.wait(lock, [&] { return waiting; });
    told = true;
    condition.notify_all();
  }
  waiter.join();
}

TEST(SteadyClock, WakesForANotificationBeforeTheTime) { expect_woken_by_notification(SteadyClock().now() + 1h); }

TEST(SteadyClock, WakesForANotificationWhenTheTimeNeverComes) { expect_woken_by_notification(kNever); }

TEST(MicrosecondsBetween, CountsWholeMicroseconds) {
  const TimePoint start{};
  EXPECT_EQ(microseconds_between(start, start + 1999ns), 1u);
  EXPECT_EQ(microseconds_between(start, start + 3s), 3'000'000u);
}

TEST(MicrosecondsBetween, IsNeverNegative) {
  const TimePoint start{};
  EXPECT_EQ(microseconds_between(start + 1s, start), 0u);
  EXPECT_EQ(microseconds_between(start, start), 0u);
}

}  // namespace
}  // namespace pyserver
