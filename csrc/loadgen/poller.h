// Poller: one thread's wait for sockets, for a moment, or for a word from another thread.
//
// Not csrc/net's EventLoop: that one sleeps in milliseconds, which is what a server's time-outs need. Here requests are
// due at moments that must be met to the microsecond (epoll_pwait2, and no timer slack), and there is nothing to post.
//
// wake() is thread-safe; everything else belongs to the thread that waits.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/status.h"
#include "loadgen/plan.h"
#include "net/address.h"

namespace pyserver::loadgen {

class Poller {
 public:
  static constexpr std::uint32_t kReadable = 1;
  static constexpr std::uint32_t kWritable = 2;
  class Watcher {
   public:
    virtual ~Watcher() = default;
    // Errors and hang-ups come as both.
    virtual void on_ready(std::uint32_t readiness) = 0;
  };

  // RESOURCE_EXHAUSTED where the system has no more file descriptors.
  static Result<std::unique_ptr<Poller>> create();

  // Neither is owned. A watcher may unwatch itself while it is called, but nobody else. RESOURCE_EXHAUSTED where the
  // system watches no more.
  Status watch(int fd, std::uint32_t readiness, Watcher& watcher);
  void change(int fd, std::uint32_t readiness, Watcher& watcher);
  void unwatch(int fd);

  // Waits until something is ready, but not beyond `until` (of the steady clock), and calls the watchers of what is.
  // A moment that has passed: only looks.
  void wait(Nanos until);
  // Ends a wait(), or the next one.
  void wake() noexcept;

 private:
  Poller(Socket epoll, Socket wake_up) : epoll_(std::move(epoll)), wake_up_(std::move(wake_up)) {}
  int wait_for_events(Nanos until);

  Socket epoll_;
  Socket wake_up_;
  std::array<epoll_event, 256> events_;
};

// Has the kernel wake this thread at the moment asked for, and not up to 50 us later to save power.
void be_punctual() noexcept;

}  // namespace pyserver::loadgen
