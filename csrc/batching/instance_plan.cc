#include "batching/instance_plan.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace pyserver {
namespace {

double seconds(Duration duration) noexcept { return std::chrono::duration<double>(duration).count(); }

std::int64_t divided_up(std::int64_t amount, std::int64_t parts) noexcept { return (amount + parts - 1) / parts; }

}  // namespace

Duration LoadEstimate::time_constant() const noexcept {
  if (execution_ == Duration::zero()) return kUnmeasured;
  const auto executions = std::chrono::duration_cast<Duration>(kExecutions * execution_);
  return std::clamp(executions, kShortest, kLongest);
}

void LoadEstimate::observe(TimePoint now, std::size_t requests, std::int64_t rows) noexcept {
  if (now > observed_) {
    const double weight = -std::expm1(-seconds(now - observed_) / seconds(time_constant()));
    requests_ += weight * (now_requests_ - requests_);
    rows_ += weight * (now_rows_ - rows_);
    observed_ = now;
  }
  now_requests_ = std::min(static_cast<double>(requests), most_requests_);
  now_rows_ = static_cast<double>(rows);
}

void LoadEstimate::executed(Duration duration) noexcept {
  constexpr int kWeight = 4;  // the last few executions: a switch between groups changes them at once
  const Duration positive = std::max(duration, Duration(1));
  execution_ = execution_ == Duration::zero() ? positive : execution_ + (positive - execution_) / kWeight;
}

void LoadEstimate::raise(double requests) noexcept {
  requests_ = std::max(requests_, std::min(requests, most_requests_));
}

std::size_t choose_group(std::span<const InstanceGroup> groups, std::size_t current, double requests) noexcept {
  std::size_t group = current;
  while (group + 1 < groups.size() && requests >= kEnterAt * groups[group + 1].count) ++group;
  while (group > 0 && requests <= kLeaveAt * groups[group].count) --group;
  return group;
}

InstancePlan::InstancePlan(std::vector<InstanceGroup> groups) : groups_(std::move(groups)) {}

double InstancePlan::most_requests() const noexcept {
  // Well above the last threshold, so that a moment without requests does not look like a lower load.
  return 1.5 * groups_.back().count;
}

std::size_t InstancePlan::choose(LoadEstimate& load, std::size_t waiting, bool executing) noexcept {
  if (!adaptive()) return 0;
  if (!executing && waiting >= 2) load.raise(static_cast<double>(waiting));
  current_ = choose_group(groups_, current_, load.requests());
  return current_;
}

std::int64_t InstancePlan::fair_share(std::size_t group, std::size_t idle, std::int64_t waiting_rows,
                                      std::int64_t rows_in_system, double average_rows) const noexcept {
  const auto instances = static_cast<std::int64_t>(groups_[group].count);
  // The average remembers rows whose clients were just answered and are about to send again.
  const std::int64_t in_system = std::max(rows_in_system, static_cast<std::int64_t>(std::ceil(average_rows)));
  const std::int64_t of_waiting = divided_up(waiting_rows, std::max<std::int64_t>(1, static_cast<std::int64_t>(idle)));
  return std::max<std::int64_t>(1, std::min(of_waiting, divided_up(in_system, instances)));
}

}  // namespace pyserver
