#include "loadgen/poller.h"

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/text.h"
#include "net/system_reason.h"

namespace pyserver::loadgen {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kMillisecond = 1'000'000;

std::uint32_t to_epoll(std::uint32_t readiness) {
  return ((readiness & Poller::kReadable) != 0 ? EPOLLIN : 0u) | ((readiness & Poller::kWritable) != 0 ? EPOLLOUT : 0u);
}

std::uint32_t from_epoll(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return Poller::kReadable | Poller::kWritable;
  return ((events & EPOLLIN) != 0 ? Poller::kReadable : 0u) | ((events & EPOLLOUT) != 0 ? Poller::kWritable : 0u);
}

Status shortage(std::string_view what) {
  return resource_exhausted(concat("cannot ", what, ": ", system_reason(errno)));
}

}  // namespace

Result<std::unique_ptr<Poller>> Poller::create() {
  Socket epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return shortage("wait for sockets");
  Socket wake_up(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_up) return shortage("wait for other threads");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (epoll_ctl(epoll.fd(), EPOLL_CTL_ADD, wake_up.fd(), &event) != 0) return shortage("wait for other threads");
  return std::unique_ptr<Poller>(new Poller(std::move(epoll), std::move(wake_up)));
}

Status Poller::watch(int fd, std::uint32_t readiness, Watcher& watcher) {
  epoll_event event{};
  event.events = to_epoll(readiness);
  event.data.ptr = &watcher;
  return epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, fd, &event) == 0 ? Status() : shortage("watch a socket");
}

void Poller::change(int fd, std::uint32_t readiness, Watcher& watcher) {
  epoll_event event{};
  event.events = to_epoll(readiness);
  event.data.ptr = &watcher;
  epoll_ctl(epoll_.fd(), EPOLL_CTL_MOD, fd, &event);
}

void Poller::unwatch(int fd) { epoll_ctl(epoll_.fd(), EPOLL_CTL_DEL, fd, nullptr); }

int Poller::wait_for_events(Nanos until) {
  const int room = static_cast<int>(events_.size());
  const Nanos left = until == kNeverNanos ? kNeverNanos : std::max<Nanos>(until - steady_now(), 0);
#ifdef SYS_epoll_pwait2
  // By its number: the C library that we are built for may be older than the call.
  const timespec time{static_cast<time_t>(left / kSecond), static_cast<long>(left % kSecond)};
  const auto count = static_cast<int>(
      syscall(SYS_epoll_pwait2, epoll_.fd(), events_.data(), room, left == kNeverNanos ? nullptr : &time, nullptr, 0));
  if (count >= 0 || errno != ENOSYS) return count;
#endif
  // An old kernel: sleeps for whole milliseconds, and looks again and again for what is left.
  const Nanos milliseconds = std::min<Nanos>(left / kMillisecond, std::numeric_limits<int>::max());
  return epoll_wait(epoll_.fd(), events_.data(), room, left == kNeverNanos ? -1 : static_cast<int>(milliseconds));
}

void Poller::wait(Nanos until) {
  const int count = wait_for_events(until);
  for (int index = 0; index < count; ++index) {
    const epoll_event& event = events_[static_cast<std::size_t>(index)];
    if (event.data.ptr != nullptr) {
      static_cast<Watcher*>(event.data.ptr)->on_ready(from_epoll(event.events));
      continue;
    }
    std::uint64_t times = 0;
    [[maybe_unused]] const ssize_t got = read(wake_up_.fd(), &times, sizeof times);
  }
}

void Poller::wake() noexcept {
  const std::uint64_t once = 1;
  [[maybe_unused]] const ssize_t written = write(wake_up_.fd(), &once, sizeof once);
}

void be_punctual() noexcept { prctl(PR_SET_TIMERSLACK, 1); }

}  // namespace pyserver::loadgen
