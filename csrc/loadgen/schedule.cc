#include "loadgen/schedule.h"

#include <algorithm>
#include <limits>

namespace pyserver::loadgen {
namespace {

constexpr std::uint64_t kUnbounded = std::numeric_limits<std::uint64_t>::max();

std::uint64_t arrivals_before(const std::vector<Nanos>& arrivals, Nanos moment) {
  return static_cast<std::uint64_t>(std::ranges::lower_bound(arrivals, moment) - arrivals.begin());
}

std::uint64_t last_number_of(const LoadPlan& plan) {
  if (!plan.arrivals) return kUnbounded;
  const std::uint64_t in_time = arrivals_before(*plan.arrivals, plan.end());
  if (!plan.max_requests) return in_time;
  const std::uint64_t warming = arrivals_before(*plan.arrivals, plan.warmup);
  return std::min(in_time, warming + std::min(*plan.max_requests, kUnbounded - warming));
}

std::uint64_t share_of(std::optional<std::uint64_t> requests, std::size_t worker, std::size_t workers) {
  if (!requests) return kUnbounded;
  return *requests / workers + (worker < *requests % workers ? 1 : 0);
}

}  // namespace

Schedule::Schedule(const LoadPlan& plan, std::size_t pool, std::size_t worker, std::size_t workers)
    : plan_(plan),
      pool_(pool),
      workers_(workers),
      number_(worker),
      last_number_(last_number_of(plan)),
      left_(share_of(plan.max_requests, worker, workers)) {}

bool Schedule::exhausted(Nanos now) const noexcept {
  if (open_loop()) return number_ >= last_number_;
  return now >= plan_.end() || left_ == 0;
}

Nanos Schedule::next_due() const noexcept {
  if (!open_loop()) return 0;
  return number_ < last_number_ ? (*plan_.arrivals)[number_] : kNeverNanos;
}

Schedule::Next Schedule::take(Nanos now) noexcept {
  const std::uint64_t number = number_;
  number_ += workers_;
  if (!open_loop() && now >= plan_.warmup && left_ != kUnbounded) --left_;
  const auto body =
      plan_.bodies.empty() ? static_cast<std::uint32_t>(number % pool_) : plan_.bodies[number % plan_.bodies.size()];
  return {open_loop() ? (*plan_.arrivals)[number] : now, body};
}

}  // namespace pyserver::loadgen
