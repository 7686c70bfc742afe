#include "net/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "net/loop_fixtures.h"
#include "support/fake_clock.h"

namespace pyserver {
namespace {

using std::chrono::milliseconds;
using test::deferred_call;
using test::socket_pair;
using test::task;
using test::TimerCall;
using test::WatcherCall;

class EventLoopTest : public testing::Test {
 protected:
  // One turn that does not sleep.
  void turn() {
    loop->stop();
    loop->run();
  }
  void post(std::function<void()> call) { loop->post(task(std::move(call))); }

  FakeClock clock;
  std::unique_ptr<EventLoop> loop = std::move(*EventLoop::create(clock));
  std::string seen;
};

TEST_F(EventLoopTest, RunsTasksInTheirOrder) {
  for (char c : std::string("abc")) post([this, c] { seen += c; });
  turn();
  EXPECT_EQ(seen, "abc");
}

TEST_F(EventLoopTest, RunsWhatATaskPostsWithoutSleeping) {
  post([this] { post([this] { loop->stop(); }); });
  loop->run();  // would never end
}

TEST_F(EventLoopTest, RunsWhatWasPostedBeforeStop) {
  post([this] {
    post([this] { seen += 'a'; });
    loop->stop();
  });
  loop->run();
  EXPECT_EQ(seen, "a");
}

TEST_F(EventLoopTest, CanBeRunAgain) {
  turn();
  post([this] { seen += 'a'; });
  turn();
  EXPECT_EQ(seen, "a");
}

TEST_F(EventLoopTest, DestroysTasksThatWereNeverRun) {
  const auto owned = std::make_shared<int>(1);
  post([this, owned] { seen += 'x'; });
  loop.reset();
  EXPECT_EQ(seen, "");
  EXPECT_EQ(owned.use_count(), 1);
}

TEST_F(EventLoopTest, RunsTasksOfManyThreadsEachInItsOrder) {
  constexpr int kThreads = 4, kTasks = 5'000;
  std::array<int, kThreads> next{};
  std::atomic<int> posting = kThreads;
  int out_of_order = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kTasks; ++i) post([&, thread, i] { out_of_order += next[thread]++ != i; });
      if (--posting == 0) loop->stop();
    });
  }
  loop->run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(out_of_order, 0);
  EXPECT_EQ(next, (std::array<int, kThreads>{kTasks, kTasks, kTasks, kTasks}));
}

TEST_F(EventLoopTest, IsWokenByEveryPostHoweverOftenItSleeps) {
  std::thread thread([this] { loop->run(); });
  for (int i = 0; i < 2'000; ++i) {
    std::atomic<bool> run = false;
    post([&run] {
      run = true;
      run.notify_one();
    });
    run.wait(false);
  }
  loop->stop();
  thread.join();
}

TEST_F(EventLoopTest, StopsWhenManyThreadsStopItAndLosesNoTask) {
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> run = 0;
    const auto post_and_stop = [&] {
      post([&run] { ++run; });
      loop->stop();
    };
    std::thread a(post_and_stop), b(post_and_stop);
    loop->run();
    a.join();
    b.join();
    turn();  // the second may have come after the loop had ended
    turn();
    ASSERT_EQ(run, 2);
  }
}

TEST_F(EventLoopTest, ReportsReadinessUntilItIsUnwatched) {
  auto [ours, theirs] = socket_pair();
  WatcherCall watcher([this](std::uint32_t readiness) { seen += std::to_string(readiness); });
  ASSERT_TRUE(loop->watch(ours.fd(), EventLoop::kReadable, watcher).ok());
  turn();
  EXPECT_EQ(seen, "");
  ASSERT_EQ(write(theirs.fd(), "x", 1), 1);
  turn();
  turn();
  EXPECT_EQ(seen, "11");  // level-triggered
  loop->change(ours.fd(), EventLoop::kReadable | EventLoop::kWritable, watcher);
  turn();
  EXPECT_EQ(seen, "113");
  loop->change(ours.fd(), 0, watcher);
  turn();
  EXPECT_EQ(seen, "113");
  loop->unwatch(ours.fd());
  theirs = Socket();
  turn();
  EXPECT_EQ(seen, "113");
}

TEST_F(EventLoopTest, ReportsAHangUpAsBothEvenToOneThatWaitsForNothing) {
  auto [ours, theirs] = socket_pair();
  WatcherCall watcher([this](std::uint32_t readiness) { seen += std::to_string(readiness); });
  ASSERT_TRUE(loop->watch(ours.fd(), 0, watcher).ok());
  Socket(std::move(theirs));
  turn();
  EXPECT_EQ(seen, "3");
  loop->unwatch(ours.fd());
}

TEST_F(EventLoopTest, NeverCallsAWatcherForWhatWasReportedBeforeItWasUnwatched) {
  auto [first, first_peer] = socket_pair();
  auto [second, second_peer] = socket_pair();
  ASSERT_EQ(write(first_peer.fd(), "x", 1), 1);
  ASSERT_EQ(write(second_peer.fd(), "x", 1), 1);
  // Whichever comes first unwatches both, and watches a new socket under the other's number.
  auto [fresh, fresh_peer] = socket_pair();
  WatcherCall stranger([this](std::uint32_t) { seen += "stranger "; });
  const auto meet = [&, fresh_fd = fresh.fd()](int other) {
    seen += "met ";
    loop->unwatch(first.fd());
    loop->unwatch(second.fd());
    ASSERT_EQ(dup2(fresh_fd, other), other);  // closes what had the number
    ASSERT_TRUE(loop->watch(other, EventLoop::kReadable, stranger).ok());
  };
  WatcherCall on_first([&](std::uint32_t) { meet(second.fd()); });
  WatcherCall on_second([&](std::uint32_t) { meet(first.fd()); });
  ASSERT_TRUE(loop->watch(first.fd(), EventLoop::kReadable, on_first).ok());
  ASSERT_TRUE(loop->watch(second.fd(), EventLoop::kReadable, on_second).ok());
  turn();
  EXPECT_EQ(seen, "met ");
  ASSERT_EQ(write(fresh_peer.fd(), "x", 1), 1);
  turn();
  EXPECT_EQ(seen, "met stranger ");
  loop->unwatch(first.fd());
  loop->unwatch(second.fd());
}

TEST_F(EventLoopTest, RefusesToWatchWhatCannotBeWatched) {
  WatcherCall watcher([](std::uint32_t) {});
  char name[] = "/tmp/pyserver_event_loop_XXXXXX";
  const Socket file(mkstemp(name));
  unlink(name);
  EXPECT_EQ(loop->watch(file.fd(), EventLoop::kReadable, watcher).code(), StatusCode::kInternal);
}

TEST_F(EventLoopTest, CallsATimerAtItsTimeAndOnlyOnce) {
  TimerCall timer([this] { seen += 't'; });
  loop->arm(timer, clock.now() + milliseconds(10));
  clock.advance(milliseconds(9));
  turn();
  EXPECT_EQ(seen, "");
  EXPECT_TRUE(timer.armed());
  clock.advance(milliseconds(1));
  turn();
  EXPECT_EQ(seen, "t");
  EXPECT_FALSE(timer.armed());
  clock.advance(milliseconds(100));
  turn();
  EXPECT_EQ(seen, "t");
}

TEST_F(EventLoopTest, ForgetsATimerThatIsDisarmedArmedAgainOrDestroyed) {
  TimerCall disarmed([this] { seen += 'x'; });
  TimerCall moved([this] { seen += 'm'; });
  auto destroyed = std::make_unique<TimerCall>([this] { seen += 'x'; });
  for (TimerCall* timer : {&disarmed, &moved, destroyed.get()}) loop->arm(*timer, clock.now() + milliseconds(1));
  loop->disarm(disarmed);
  loop->arm(moved, clock.now() + milliseconds(5));
  destroyed.reset();
  clock.advance(milliseconds(4));
  turn();
  EXPECT_EQ(seen, "");
  clock.advance(milliseconds(1));
  turn();
  EXPECT_EQ(seen, "m");
}

TEST_F(EventLoopTest, LetsATimerTakeBackAnotherThatIsDueInTheSameTurn) {
  auto other = std::make_unique<TimerCall>([this] { seen += 'x'; });
  TimerCall first([&] { other.reset(); });
  loop->arm(first, clock.now() + milliseconds(1));
  loop->arm(*other, clock.now() + milliseconds(2));
  clock.advance(milliseconds(5));
  turn();
  EXPECT_EQ(seen, "");
}

TEST_F(EventLoopTest, SleepsUntilATimerWithTheRealClock) {
  SteadyClock real;
  const auto real_loop = std::move(*EventLoop::create(real));
  const TimePoint at = real.now() + milliseconds(5);
  TimerCall timer([&] { real_loop->stop(); });
  real_loop->arm(timer, at);
  real_loop->run();
  EXPECT_GE(real.now(), at);
}

TEST_F(EventLoopTest, SpreadsATimerThatIsAlwaysLateOverTurns) {
  TimerCall timer([&] {
    seen += 't';
    loop->arm(timer, clock.now());
  });
  loop->arm(timer, clock.now());
  turn();
  EXPECT_EQ(seen, "t");
  turn();
  EXPECT_EQ(seen, "tt");
}

TEST_F(EventLoopTest, RunsDeferredOnceAtTheEndOfTheTurn) {
  const auto deferred = deferred_call([this] { seen += 'd'; });
  post([&] {
    loop->defer(*deferred);
    loop->defer(*deferred);
  });
  post([this] { seen += 't'; });
  turn();
  turn();
  EXPECT_EQ(seen, "td");
}

TEST_F(EventLoopTest, RunsInTheSameTurnWhatADeferredOneDefers) {
  const auto second = deferred_call([this] { seen += '2'; });
  const auto first = deferred_call([&] {
    seen += '1';
    loop->defer(*second);
  });
  loop->defer(*first);
  turn();
  EXPECT_EQ(seen, "12");
}

TEST_F(EventLoopTest, SpreadsWhatDefersItselfOverTurnsThatDoNotSleep) {
  int runs = 0;
  std::unique_ptr<test::DeferredCall> deferred;
  deferred = deferred_call([&] {
    ++runs;
    loop->defer(*deferred);
    if (runs == 3) loop->stop();
  });
  loop->defer(*deferred);
  turn();
  EXPECT_EQ(runs, 1);
  loop->run();  // would sleep for ever
  EXPECT_EQ(runs, 4);
}

TEST_F(EventLoopTest, ForgetsDeferredThatIsDestroyed) {
  auto second = deferred_call([this] { seen += 'x'; });
  const auto first = deferred_call([&] { second.reset(); });
  loop->defer(*first);
  loop->defer(*second);
  turn();
  EXPECT_EQ(seen, "");
}

TEST_F(EventLoopTest, MayBeDestroyedBeforeItsTimersAndDeferred) {
  TimerCall timer([] {});
  const auto deferred = deferred_call([] {});
  loop->arm(timer, clock.now());
  loop->defer(*deferred);
  loop.reset();
  EXPECT_FALSE(timer.armed());
}

TEST_F(EventLoopTest, TellsTheTimeAtWhichTheTurnBegan) {
  TimePoint before, after;
  post([&] {
    before = loop->now();
    clock.advance(milliseconds(7));
    after = loop->now();
  });
  turn();
  EXPECT_EQ(before, after);
  turn();
  EXPECT_EQ(loop->now(), clock.now());
}

}  // namespace
}  // namespace pyserver
