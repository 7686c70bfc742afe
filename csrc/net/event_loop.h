// EventLoop: one thread that waits for sockets, timers and tasks of other threads (epoll and an eventfd).
//
// post() and stop() are thread-safe. Everything else, and all that is called back, belongs to the thread that is in
// run(); before run() it belongs to the thread that made the loop.
// A turn: ready sockets, due timers, posted tasks, then what was deferred to the end of the turn.
#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/status.h"

namespace pyserver {

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
    EventLoop* loop_ = nullptr;  // while armed
    TimePoint at_ = kNever;
    std::size_t index_ = 0;  // where it stands in the loop's heap
  };

  // Runs at the end of the turn in which it was deferred, once however often it was deferred.
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
  };

  // INTERNAL where the system has no more file descriptors. `clock` must outlive the loop.
  static Result<std::unique_ptr<EventLoop>> create(Clock& clock);
  // Destroys tasks that were never run, without running them.
  ~EventLoop();

  // Runs turns until stop(). All that was posted before stop() is still run.
  void run();
  void stop();

  // Runs `task` in the loop's next turn, tasks of one thread in their order. Any thread; never blocks, never fails.
  void post(std::unique_ptr<Task> task);

  // `fd` is not owned. `watcher` must be unwatched before it is destroyed; it is never called after unwatch().
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
