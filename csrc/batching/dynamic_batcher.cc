#include "batching/dynamic_batcher.h"

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/text.h"
#include "batching/batch_formation.h"

namespace pyserver {
namespace {

using Requests = std::vector<std::unique_ptr<Request>>;

}  // namespace

struct DynamicBatcher::State {
  // The threads of one group. Those that have nothing to do sleep on `wake`; one at a time is woken, and wakes the next
  // if it leaves something, so that a burst does not wake all for the work of one.
  struct Group {
    std::condition_variable wake;
    std::size_t sleeping = 0;
    bool waking = false;  // one was notified and has not come yet
  };
  struct Running {
    std::thread::id thread;
    RunningBatch batch;
  };

  State(BatchSettings settings, std::int64_t max_batch_size, std::vector<InstanceGroup> instance_groups,
        Clock& batcher_clock, ModelMetrics& model_metrics)
      : clock(batcher_clock),
        metrics(model_metrics),
        formation(std::move(settings), max_batch_size, instance_groups),
        groups(instance_groups.size()) {}

  std::size_t choose_group() {
    const std::size_t before = formation.chosen_group();
    const std::size_t group = formation.choose_group();
    if (group != before) metrics.group_switches.add();
    return group;
  }

  // Wakes a thread where it would take a batch now, or where none is going to look as early as one should.
  void wake_useful(TimePoint now) {
    if (formation.queue().empty()) {
      if (stopped) wake_all();  // nothing will come any more
      return;
    }
    const std::size_t chosen = choose_group();
    Group& group = groups[chosen];
    if (!formation.executes_alone(chosen) || group.sleeping == 0 || group.waking) return;
    const BatchDecision decision = formation.decide_for(chosen, now, stopped);
    const bool somebody_looks =
        !timed_waits.empty() && *std::min_element(timed_waits.begin(), timed_waits.end()) <= decision.wait_until;
    if (!decision.take && somebody_looks) return;
    group.waking = true;
    group.wake.notify_one();
  }

  void wake_all() {
    for (Group& group : groups) group.wake.notify_all();
  }

  void sleep(std::unique_lock<std::mutex>& lock, Group& group, TimePoint until) {
    group.sleeping += 1;
    if (until != kNever) timed_waits.push_back(until);
    clock.wait_until(lock, group.wake, until);
    if (until != kNever) timed_waits.erase(std::find(timed_waits.begin(), timed_waits.end(), until));
    group.sleeping -= 1;
    group.waking = false;
  }

  // Ends requests that left the queue unexecuted. Without the lock.
  void finish_dropped(Requests& dead, TimePoint now) {
    for (auto& request : dead) {
      const std::string model = quoted(request->model);
      const std::uint64_t waited_us = microseconds_between(request->timeline.queued, now);
      const bool gone = is_cancelled(*request);
      (gone ? metrics.dropped_cancelled : metrics.dropped_expired).add();
      const Status status =
          gone ? cancelled(concat("model ", model, ": cancelled after waiting ", waited_us, " µs; it was not executed"))
               : deadline_exceeded(concat("model ", model, ": the deadline passed after waiting ", waited_us,
                                          " µs; it was not executed"));
      finish(std::move(request), status);
    }
    dead.clear();
  }

  Clock& clock;
  ModelMetrics& metrics;
  mutable std::mutex mutex;
  // All below is guarded by `mutex`.
  BatchFormation formation;
  std::vector<Group> groups;
  std::vector<Running> running;        // one a thread that has a batch
  std::vector<TimePoint> timed_waits;  // when the threads that wait for more requests will look again
  bool stopped = false;
};

DynamicBatcher::DynamicBatcher(BatchSettings settings, std::int64_t max_batch_size, std::vector<InstanceGroup> groups,
                               Clock& clock, ModelMetrics& metrics)
    : state_(std::make_unique<State>(std::move(settings), max_batch_size, std::move(groups), clock, metrics)) {}

DynamicBatcher::~DynamicBatcher() { stop(true); }

Status DynamicBatcher::enqueue(std::unique_ptr<Request>& request) {
  State& state = *state_;
  const BatchSettings& settings = state.formation.settings();  // constant
  const std::uint32_t levels = std::max<std::uint32_t>(1, settings.priority_levels);
  if (request->priority > levels) {
    return invalid_argument(concat("model ", quoted(request->model), ": expected a priority from 1 (first) to ", levels,
                                   ", or 0 for the last, got ", request->priority));
  }
  const std::uint32_t level = request->priority == 0 ? levels : request->priority;
  Requests dead;
  TimePoint now;
  Status status;
  {
    const std::lock_guard lock(state.mutex);
    now = state.clock.now();
    RequestQueue& queue = state.formation.queue();
    // Requests that are dead already must not keep a living one out.
    if (queue.size() >= settings.max_queue_size && queue.earliest_deadline() <= now) {
      queue.take_expired_or_cancelled(now, dead);
    }
    if (state.stopped) {
      status =
          unavailable(concat("model ", quoted(request->model), ": this version is stopping and takes no requests"));
    } else if (queue.size() >= settings.max_queue_size) {
      status = resource_exhausted(concat("model ", quoted(request->model), ": the queue is full: ", queue.size(),
                                         " requests wait (max_queue_size)"));
    } else {
      const TimePoint queued = request->timeline.queued;
      const Duration timeout = settings.default_timeout;
      if (request->deadline == kNever && timeout > Duration::zero() && timeout < kNever - queued) {
        request->deadline = queued + timeout;
      }
      queue.push(std::move(request), level);
    }
    state.formation.observe(now);
    state.wake_useful(now);
  }
  state.finish_dropped(dead, now);
  return status;
}

bool DynamicBatcher::next_batch(std::size_t group, Batch& batch) {
  State& state = *state_;
  BatchFormation& formation = state.formation;
  Requests dead;
  std::unique_lock lock(state.mutex);
  while (true) {
    const TimePoint now = state.clock.now();
    if (formation.queue().earliest_deadline() <= now) formation.queue().take_expired_or_cancelled(now, dead);
    formation.observe(now);
    TimePoint look_again = kNever;
    if (!formation.queue().empty() && state.choose_group() == group && formation.executes_alone(group)) {
      const BatchDecision decision = formation.decide_for(group, now, state.stopped);
      look_again = decision.wait_until;
      if (decision.take) {
        const RunningBatch taken = formation.take(group, decision.max_rows, now, batch.requests, dead);
        batch.rows = taken.rows;
        if (!batch.requests.empty()) state.running.push_back({std::this_thread::get_id(), taken});
      }
    }
    // Others may have a part of what is left, or it is another group's turn.
    if (!batch.requests.empty() || look_again == kNever) state.wake_useful(now);
    if (!batch.requests.empty() || !dead.empty()) {
      lock.unlock();
      for (const auto& request : batch.requests) request->timeline.batch_began = now;
      state.finish_dropped(dead, now);
      if (!batch.requests.empty()) return true;
      lock.lock();
      continue;
    }
    if (state.stopped && formation.queue().empty()) return false;
    state.sleep(lock, state.groups[group], look_again);
  }
}

void DynamicBatcher::batch_done(std::size_t group) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  const auto own = std::find_if(state.running.begin(), state.running.end(), [](const State::Running& running) {
    return running.thread == std::this_thread::get_id();
  });
  assert(own != state.running.end());
  const TimePoint now = state.clock.now();
  state.formation.done(group, own->batch, now);
  state.running.erase(own);
  // For its own group this thread comes back itself.
  if (!state.formation.queue().empty() && state.choose_group() != group) state.wake_useful(now);
}

void DynamicBatcher::drop_cancelled() {
  State& state = *state_;
  Requests dead;
  TimePoint now;
  {
    const std::lock_guard lock(state.mutex);
    now = state.clock.now();
    state.formation.queue().take_expired_or_cancelled(now, dead);
    state.formation.observe(now);
    state.wake_useful(now);
  }
  state.finish_dropped(dead, now);
}

void DynamicBatcher::stop(bool abandon) {
  State& state = *state_;
  Requests waiting;
  {
    const std::lock_guard lock(state.mutex);
    state.stopped = true;
    if (abandon) state.formation.queue().take_all(waiting);
    state.formation.observe(state.clock.now());
    state.wake_all();
  }
  for (auto& request : waiting) {
    const Status status =
        unavailable(concat("model ", quoted(request->model), ": it stopped before the request was executed"));
    finish(std::move(request), status);
  }
}

std::size_t DynamicBatcher::depth() const {
  const std::lock_guard lock(state_->mutex);
  return state_->formation.queue().size();
}

bool DynamicBatcher::idle() const {
  const std::lock_guard lock(state_->mutex);
  return !state_->stopped && state_->running.empty() && state_->formation.queue().empty();
}

}  // namespace pyserver
