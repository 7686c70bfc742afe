// A simulated closed loop of clients against a BatchFormation, with a made-up clock: what a plan of instances achieves,
// always the same numbers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <queue>
#include <vector>

#include "batching/batch_formation.h"
#include "batching/sample_requests.h"

namespace pyserver {

// An execution of b rows on one instance takes overhead_us + b * row_us.
struct ServiceTime {
  double overhead_us;
  double row_us;
  Duration of(std::int64_t rows) const {
    return std::chrono::nanoseconds(
        static_cast<std::int64_t>((overhead_us + row_us * static_cast<double>(rows)) * 1e3));
  }
};

struct SimulatedGroup {
  InstanceGroup instances;
  ServiceTime service;
};

struct SimulationResult {
  double rows_per_second = 0;
  double mean_batch = 0;
  std::vector<std::int64_t> rows_by_group;
  bool mixed_groups = false;  // instances of two groups executed at once
};

class LoadSimulation {
 public:
  LoadSimulation(BatchSettings settings, std::int64_t max_batch_size, std::vector<SimulatedGroup> groups)
      : groups_(std::move(groups)), formation_(std::move(settings), max_batch_size, instances_of(groups_)) {
    for (const SimulatedGroup& group : groups_) {
      idle_.push_back(group.instances.count);
      result_.rows_by_group.push_back(0);
    }
  }

  // `clients` send one request of one row each, and another `turnaround` after each answer; client k's turnaround is
  // (k % 4) * `spread` longer. Continues from where the last call left off, with as many clients more or fewer.
  SimulationResult run(int clients, Duration turnaround, Duration spread, Duration length) {
    turnaround_ = turnaround;
    spread_ = spread;
    for (; clients_ < clients; ++clients_) events_.push({now_, Event::kArrival, clients_, 0});
    clients_ = clients;
    const TimePoint end = now_ + length;
    std::int64_t rows = 0, batches = 0;
    result_.rows_by_group.assign(groups_.size(), 0);
    while (!events_.empty() && events_.top().at < end) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      if (event.kind == Event::kArrival) {
        if (event.which >= clients_) continue;
        auto request = request_of(outcome_, {1, 4}, now_);
        request->timeline.batch_size = static_cast<std::uint32_t>(event.which);  // whose it is
        formation_.queue().push(std::move(request), 1);
        formation_.observe(now_);
      } else {
        Execution& execution = executions_[static_cast<std::size_t>(event.which)];
        rows += execution.batch.rows;
        batches += 1;
        result_.rows_by_group[event.group] += execution.batch.rows;
        formation_.done(event.group, execution.batch, now_);
        idle_[event.group] += 1;
        for (const int client : execution.clients) {
          events_.push({now_ + turnaround_ + spread_ * (client % 4), Event::kArrival, client, 0});
        }
      }
      start_what_is_due();
    }
    now_ = end;
    result_.rows_per_second = static_cast<double>(rows) / std::chrono::duration<double>(length).count();
    result_.mean_batch = batches == 0 ? 0 : static_cast<double>(rows) / static_cast<double>(batches);
    return result_;
  }

 private:
  struct Event {
    TimePoint at;
    enum Kind { kArrival, kDone } kind;
    int which;  // a client, or an execution
    std::size_t group;
    bool operator>(const Event& other) const { return at != other.at ? at > other.at : which > other.which; }
  };
  struct Execution {
    RunningBatch batch;
    std::vector<int> clients;
  };

  static std::vector<InstanceGroup> instances_of(const std::vector<SimulatedGroup>& groups) {
    std::vector<InstanceGroup> instances;
    for (const SimulatedGroup& group : groups) instances.push_back(group.instances);
    return instances;
  }

  void start_what_is_due() {
    while (!formation_.queue().empty()) {
      const std::size_t group = formation_.choose_group();
      if (!formation_.executes_alone(group) || idle_[group] == 0) return;
      const BatchDecision decision = formation_.decide_for(group, now_, false);
      if (!decision.take) return;
      std::vector<std::unique_ptr<Request>> taken, dead;
      Execution execution{formation_.take(group, decision.max_rows, now_, taken, dead), {}};
      for (const auto& request : taken) execution.clients.push_back(static_cast<int>(request->timeline.batch_size));
      idle_[group] -= 1;
      for (std::size_t other = 0; other < groups_.size(); ++other) {
        if (other != group && idle_[other] != groups_[other].instances.count) result_.mixed_groups = true;
      }
      executions_.push_back(std::move(execution));
      events_.push({now_ + groups_[group].service.of(executions_.back().batch.rows), Event::kDone,
                    static_cast<int>(executions_.size() - 1), group});
    }
  }

  std::vector<SimulatedGroup> groups_;
  BatchFormation formation_;
  std::vector<int> idle_;
  std::vector<Execution> executions_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  TimePoint now_{std::chrono::hours(1)};
  Duration turnaround_{}, spread_{};
  int clients_ = 0;
  Outcome outcome_;
  SimulationResult result_;
};

}  // namespace pyserver
