// Tasks, watchers, timers and deferred ones that call a function, and a pair of connected sockets.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <utility>

#include "net/address.h"
#include "net/event_loop.h"

namespace pyserver::test {

inline std::unique_ptr<EventLoop::Task> task(std::function<void()> call) {
  struct Call final : EventLoop::Task {
    explicit Call(std::function<void()> to_call) : call(std::move(to_call)) {}
    void run() override { call(); }
    std::function<void()> call;
  };
  return std::make_unique<Call>(std::move(call));
}

class WatcherCall final : public EventLoop::Watcher {
 public:
  explicit WatcherCall(std::function<void(std::uint32_t)> call) : call_(std::move(call)) {}
  void on_ready(std::uint32_t readiness) override { call_(readiness); }

 private:
  std::function<void(std::uint32_t)> call_;
};

class TimerCall final : public EventLoop::Timer {
 public:
  explicit TimerCall(std::function<void()> call) : call_(std::move(call)) {}
  void on_time() override { call_(); }

 private:
  std::function<void()> call_;
};

class DeferredCall final : public EventLoop::Deferred {
 public:
  explicit DeferredCall(std::function<void()> call) : call_(std::move(call)) {}
  void on_end_of_turn() override { call_(); }

 private:
  std::function<void()> call_;
};

inline std::unique_ptr<DeferredCall> deferred_call(std::function<void()> call) {
  return std::make_unique<DeferredCall>(std::move(call));
}

// Of Unix sockets, blocking.
inline std::pair<Socket, Socket> socket_pair() {
  int fds[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
  return {Socket(fds[0]), Socket(fds[1])};
}

}  // namespace pyserver::test
