// EventLoop: one thread that waits for sockets, timers and tasks of other threads (epoll and an eventfd).
//
// post() and stop() are thread-safe. Everything else, and all that is called back, belongs to the thread that is in
// run(); before run() it belongs to the thread that made the loop.
// A turn: ready sockets, due timers, posted tasks, then what was deferred to the end of the turn. What these set off
// again and again is spread over turns, so that no part of a turn goes on for ever.
//
// The clock says what is due; the loop sleeps by the system's. A clock that jumps (a test's) needs a post() after it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/status.h"

namespace pyserver {

class TimerHeap;

class EventLoop {
 public:
  // Something that is run once, on the loop's thread.
  class Task {
   public:
    virtual ~Task() = default;
    virtual void run() = 0;

   private:
    friend class EventLoop;
    Task* next_ = nullptr;  // posted tasks are a list of their own: posting allocates nothing
  };

  // Which readiness a socket is watched for, and which has come. Errors and hang-ups come as both.
  static constexpr std::uint32_t kReadable = 1;
  static constexpr std::uint32_t kWritable = 2;
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void on_ready(std::uint32_t readiness) = 0;
  };

  // Calls back once at its time. Destroying it, or arming it again, takes the former time back.
  class Timer {
   public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    virtual ~Timer();
    virtual void on_time() = 0;
    bool armed() const noexcept { return loop_ != nullptr; }

   private:
    friend class EventLoop;
    friend class TimerHeap;
    EventLoop* loop_ = nullptr;  // while armed
    std::size_t index_ = 0;      // where it stands in the loop's heap
  };

  // Runs at the end of the turn in which it was deferred, once however often it was deferred. One that is deferred
  // again after it has run comes at the end of the next turn, which does not sleep.
  class Deferred {
   public:
    Deferred() = default;
    Deferred(const Deferred&) = delete;
    Deferred& operator=(const Deferred&) = delete;
    virtual ~Deferred();
    virtual void on_end_of_turn() = 0;

   private:
    friend class EventLoop;
    EventLoop* loop_ = nullptr;  // while deferred
    Deferred* previous_ = nullptr;
    Deferred* next_ = nullptr;
    std::uint64_t ran_in_turn_ = 0;
  };

  // INTERNAL where the system has no more file descriptors. `clock` must outlive the loop.
  static Result<std::unique_ptr<EventLoop>> create(Clock& clock);
  // Destroys tasks that were never run, without running them.
  ~EventLoop();

  // Runs turns until stop(). All that was posted before stop() is still run. A stop() before run() ends its first turn.
  void run();
  void stop();

  // Runs `task` soon: in this turn or the next; tasks of one thread in their order. Any thread; never blocks, never
  // fails. The loop must outlive the call.
  void post(std::unique_ptr<Task> task);

  // `fd` is not owned. `watcher` must be unwatched before it is destroyed, and `fd` before it is closed; it is never
  // called after unwatch(), not for what was already reported either. RESOURCE_EXHAUSTED where the system watches no
  // more.
  Status watch(int fd, std::uint32_t readiness, Watcher& watcher);
  void change(int fd, std::uint32_t readiness, Watcher& watcher);
  void unwatch(int fd);

  void arm(Timer& timer, TimePoint at);
  void disarm(Timer& timer);
  void defer(Deferred& deferred);

  // The time at which this turn began: cheap, and good enough for time-outs.
  TimePoint now() const noexcept;
  Clock& clock() noexcept;

 private:
  struct State;
  explicit EventLoop(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pyserver
