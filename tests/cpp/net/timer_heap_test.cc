#include "net/timer_heap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <vector>

namespace pyserver {
namespace {

using std::chrono::milliseconds;

struct SilentTimer final : EventLoop::Timer {
  void on_time() override {}
};

TEST(TimerHeapTest, AgreesWithASortedSetWhateverIsAddedAndRemoved) {
  std::mt19937 random(7);
  std::vector<SilentTimer> timers(500);
  std::vector<TimePoint> at(timers.size(), kNever);
  std::multiset<TimePoint> expected;
  TimerHeap heap;
  TimePoint now{};
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t index = random() % timers.size();
    if (at[index] == kNever) {
      at[index] = now + milliseconds(1 + random() % 1'000);
      heap.add(timers[index], at[index]);
      expected.insert(at[index]);
    } else {
      heap.remove(timers[index]);
      expected.erase(expected.find(at[index]));
      at[index] = kNever;
    }
    if (step % 100 == 0) {
      now += milliseconds(20);
      heap.set_apart_due(now);
      while (EventLoop::Timer* timer = heap.take_due()) {
        const auto which = static_cast<std::size_t>(static_cast<SilentTimer*>(timer) - timers.data());
        ASSERT_EQ(at[which], *expected.begin());  // in their order
        ASSERT_LE(at[which], now);
        expected.erase(expected.begin());
        at[which] = kNever;
      }
    }
    ASSERT_EQ(heap.earliest(), expected.empty() ? kNever : *expected.begin());
  }
}

TEST(TimerHeapTest, LeavesOutADueOneThatIsRemovedAndSetsNoneApartThatIsAddedLate) {
  SilentTimer first, removed, late;
  TimerHeap heap;
  const TimePoint now = TimePoint{} + milliseconds(10);
  heap.add(first, now - milliseconds(2));
  heap.add(removed, now - milliseconds(1));
  heap.set_apart_due(now);
  EXPECT_EQ(heap.take_due(), &first);
  heap.remove(removed);
  heap.add(late, now - milliseconds(5));
  EXPECT_EQ(heap.take_due(), nullptr);
  EXPECT_EQ(heap.take_any(), &late);
  EXPECT_EQ(heap.take_any(), nullptr);
}

}  // namespace
}  // namespace pyserver
