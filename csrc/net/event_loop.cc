#include "net/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <limits>
#include <utility>
#include <vector>

#include "base/text.h"
#include "net/address.h"
#include "net/system_reason.h"
#include "net/timer_heap.h"

namespace pyserver {
namespace {

constexpr int kEventsPerTurn = 256;
// What epoll reports for the eventfd; no watched descriptor has it.
constexpr std::uint64_t kWakeUp = std::numeric_limits<std::uint64_t>::max();

std::uint32_t to_epoll(std::uint32_t readiness) {
  return ((readiness & EventLoop::kReadable) != 0 ? EPOLLIN : 0u) |
         ((readiness & EventLoop::kWritable) != 0 ? EPOLLOUT : 0u);
}

std::uint32_t from_epoll(std::uint32_t events, std::uint32_t wanted) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return EventLoop::kReadable | EventLoop::kWritable;
  return (((events & EPOLLIN) != 0 ? EventLoop::kReadable : 0u) |
          ((events & EPOLLOUT) != 0 ? EventLoop::kWritable : 0u)) &
         wanted;
}

// Milliseconds for epoll_wait, rounded up: waking too early would only mean to wait again. -1 for ever.
int milliseconds_until(TimePoint at, TimePoint now) {
  if (at == kNever) return -1;
  if (at <= now) return 0;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(at - now).count();
  return static_cast<int>(std::min<std::int64_t>(wait, std::numeric_limits<int>::max()));
}

}  // namespace

struct EventLoop::State {
  struct Watch {
    Watcher* watcher = nullptr;
    // Goes up with every watch(): tells events of this watch from those that were reported for a former one.
    std::uint32_t generation = 0;
    std::uint32_t readiness = 0;
  };
  struct Mark final : Task {
    void run() override {}
  };
  // The two ends of a ring of deferred ones.
  struct Anchor final : Deferred {
    Anchor() { previous_ = next_ = this; }
    void on_end_of_turn() override {}
    bool empty() const { return next_ == this; }
    void append(Deferred& deferred) {
      deferred.previous_ = previous_;
      deferred.next_ = this;
      previous_->next_ = &deferred;
      previous_ = &deferred;
    }
    // All that are in `other`.
    void append_all(Anchor& other) {
      if (other.empty()) return;
      other.next_->previous_ = previous_;
      other.previous_->next_ = this;
      previous_->next_ = other.next_;
      previous_ = other.previous_;
      other.previous_ = other.next_ = &other;
    }
  };

  explicit State(Clock& loop_clock) : clock(loop_clock), now(loop_clock.now()) {}

  static void unlink(Deferred& deferred) {
    deferred.previous_->next_ = deferred.next_;
    deferred.next_->previous_ = deferred.previous_;
    deferred.loop_ = nullptr;
  }

  Status open();
  void push(Task* task);
  void turn();
  int wait_for_events();
  void dispatch(int count);
  void run_timers();
  void run_tasks();
  void run_deferred();
  void destroy_tasks();

  Clock& clock;
  TimePoint now;
  Socket epoll;
  Socket wake_up;
  std::array<epoll_event, kEventsPerTurn> events;
  std::vector<Watch> watches;  // by file descriptor
  TimerHeap timers;
  Anchor deferred;        // for the end of this turn
  Anchor deferred_later;  // for the end of the next
  std::uint64_t turns = 0;
  bool running = false;
  Task* taken = nullptr;  // tasks that are being run, the oldest first

  Mark asleep_mark, stop_mark;
  std::atomic<bool> stop_requested = false;
  // The posted tasks, the newest first; `asleep_mark` while there are none and the loop sleeps or is about to: who
  // replaces that mark has to wake the loop, and nobody else.
  std::atomic<Task*> posted = nullptr;
};

Status EventLoop::State::open() {
  epoll = Socket(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return internal_error(concat("no epoll for an event loop: ", system_reason(errno)));
  wake_up = Socket(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_up) return internal_error(concat("no eventfd for an event loop: ", system_reason(errno)));
  // Edge-triggered: every write is reported once, so nobody has to read it.
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = kWakeUp;
  if (epoll_ctl(epoll.fd(), EPOLL_CTL_ADD, wake_up.fd(), &event) != 0) {
    return internal_error(concat("an event loop cannot watch its eventfd: ", system_reason(errno)));
  }
  return {};
}

void EventLoop::State::push(Task* task) {
  Task* head = posted.load(std::memory_order_relaxed);
  do {
    task->next_ = head == &asleep_mark ? nullptr : head;
  } while (!posted.compare_exchange_weak(head, task, std::memory_order_acq_rel, std::memory_order_relaxed));
  if (head == &asleep_mark) {
    const std::uint64_t one = 1;
    // Cannot fail but for a full counter, which wakes as well.
    [[maybe_unused]] const ssize_t written = write(wake_up.fd(), &one, sizeof one);
  }
}

void EventLoop::State::turn() {
  ++turns;
  deferred.append_all(deferred_later);
  const int count = wait_for_events();
  now = clock.now();
  dispatch(count);
  run_timers();
  run_tasks();
  // Somebody may have posted and called stop() while the former stop() was already being seen to.
  if (!running) run_tasks();
  run_deferred();
}

int EventLoop::State::wait_for_events() {
  int timeout = 0;
  if (deferred.empty()) {
    const TimePoint at = timers.earliest();
    timeout = at == kNever ? -1 : milliseconds_until(at, clock.now());
  }
  bool may_sleep = false;
  if (timeout != 0) {
    Task* none = nullptr;
    may_sleep = posted.compare_exchange_strong(none, &asleep_mark, std::memory_order_acq_rel);
    if (!may_sleep) timeout = 0;
  }
  const int count = epoll_wait(epoll.fd(), events.data(), kEventsPerTurn, timeout);
  if (may_sleep) {
    Task* mark = &asleep_mark;
    posted.compare_exchange_strong(mark, nullptr, std::memory_order_acq_rel);
  }
  return count;  // negative where a signal came in between
}

void EventLoop::State::dispatch(int count) {
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kWakeUp) continue;
    const Watch& watch = watches[event.data.u64 & 0xffff'ffff];
    // Unwatched since it was reported; the descriptor's number may have a new owner.
    if (watch.watcher == nullptr || watch.generation != event.data.u64 >> 32) continue;
    const std::uint32_t readiness = from_epoll(event.events, watch.readiness);
    if (readiness != 0) watch.watcher->on_ready(readiness);
  }
}

void EventLoop::State::run_timers() {
  if (timers.earliest() > now) return;
  timers.set_apart_due(now);
  while (Timer* timer = timers.take_due()) {
    timer->loop_ = nullptr;
    timer->on_time();
  }
}

void EventLoop::State::run_tasks() {
  if (posted.load(std::memory_order_relaxed) == nullptr) return;
  for (Task* newest = posted.exchange(nullptr, std::memory_order_acq_rel); newest != nullptr;) {
    Task* older = std::exchange(newest->next_, taken);
    taken = std::exchange(newest, older);
  }
  while (taken != nullptr) {
    Task* task = std::exchange(taken, taken->next_);
    if (task == &stop_mark) {
      running = false;
      stop_requested.exchange(false, std::memory_order_acq_rel);
      continue;
    }
    const std::unique_ptr<Task> owner(task);
    owner->run();
  }
}

void EventLoop::State::run_deferred() {
  while (!deferred.empty()) {
    Deferred& first = *deferred.next_;
    unlink(first);
    first.ran_in_turn_ = turns;
    first.on_end_of_turn();
  }
}

void EventLoop::State::destroy_tasks() {
  // A task that is destroyed may post another.
  while (taken != nullptr || posted.load(std::memory_order_acquire) != nullptr) {
    if (taken == nullptr) taken = posted.exchange(nullptr, std::memory_order_acq_rel);
    Task* task = std::exchange(taken, taken->next_);
    if (task != &stop_mark) const std::unique_ptr<Task> owner(task);
  }
}

EventLoop::Timer::~Timer() {
  if (loop_ != nullptr) loop_->disarm(*this);
}

EventLoop::Deferred::~Deferred() {
  if (loop_ != nullptr) State::unlink(*this);
}

Result<std::unique_ptr<EventLoop>> EventLoop::create(Clock& clock) {
  auto state = std::make_unique<State>(clock);
  PYSERVER_RETURN_IF_ERROR(state->open());
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(state)));
}

EventLoop::EventLoop(std::unique_ptr<State> state) : state_(std::move(state)) {}

EventLoop::~EventLoop() {
  state_->destroy_tasks();
  // Timers and deferred ones may outlive the loop.
  while (Timer* timer = state_->timers.take_any()) timer->loop_ = nullptr;
  state_->deferred.append_all(state_->deferred_later);
  while (!state_->deferred.empty()) State::unlink(*state_->deferred.next_);
}

void EventLoop::run() {
  state_->running = true;
  while (state_->running) state_->turn();
}

void EventLoop::stop() {
  if (!state_->stop_requested.exchange(true, std::memory_order_acq_rel)) state_->push(&state_->stop_mark);
}

void EventLoop::post(std::unique_ptr<Task> task) { state_->push(task.release()); }

Status EventLoop::watch(int fd, std::uint32_t readiness, Watcher& watcher) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= state_->watches.size()) state_->watches.resize(index + 1);
  State::Watch& watch = state_->watches[index];
  assert(watch.watcher == nullptr);
  ++watch.generation;
  epoll_event event{};
  event.events = to_epoll(readiness);
  event.data.u64 = std::uint64_t{watch.generation} << 32 | index;
  if (epoll_ctl(state_->epoll.fd(), EPOLL_CTL_ADD, fd, &event) != 0) {
    const int error = errno;
    std::string reason = concat("an event loop cannot watch a socket: ", system_reason(error));
    return error == ENOSPC || error == ENOMEM ? resource_exhausted(std::move(reason))
                                              : internal_error(std::move(reason));
  }
  watch.watcher = &watcher;
  watch.readiness = readiness;
  return {};
}

void EventLoop::change(int fd, std::uint32_t readiness, Watcher& watcher) {
  const auto index = static_cast<std::size_t>(fd);
  assert(index < state_->watches.size() && state_->watches[index].watcher != nullptr);
  State::Watch& watch = state_->watches[index];
  watch.watcher = &watcher;
  if (std::exchange(watch.readiness, readiness) == readiness) return;
  epoll_event event{};
  event.events = to_epoll(readiness);
  event.data.u64 = std::uint64_t{watch.generation} << 32 | index;
  // Changing what is watched needs no memory: it fails only for a descriptor that is not watched.
  [[maybe_unused]] const int result = epoll_ctl(state_->epoll.fd(), EPOLL_CTL_MOD, fd, &event);
  assert(result == 0);
}

void EventLoop::unwatch(int fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= state_->watches.size() || state_->watches[index].watcher == nullptr) return;
  state_->watches[index].watcher = nullptr;
  epoll_ctl(state_->epoll.fd(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::arm(Timer& timer, TimePoint at) {
  disarm(timer);
  state_->timers.add(timer, at);
  timer.loop_ = this;
}

void EventLoop::disarm(Timer& timer) {
  if (timer.loop_ == nullptr) return;
  state_->timers.remove(timer);
  timer.loop_ = nullptr;
}

void EventLoop::defer(Deferred& deferred) {
  if (deferred.loop_ != nullptr) return;
  deferred.loop_ = this;
  State& state = *state_;
  (deferred.ran_in_turn_ == state.turns && state.turns != 0 ? state.deferred_later : state.deferred).append(deferred);
}

TimePoint EventLoop::now() const noexcept { return state_->now; }

Clock& EventLoop::clock() noexcept { return state_->clock; }

}  // namespace pyserver
