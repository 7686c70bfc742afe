#include "loadgen/plan.h"

#include <algorithm>

#include "base/text.h"

namespace pyserver::loadgen {
namespace {

std::size_t windows_in(Nanos span, Nanos window) { return static_cast<std::size_t>((span + window - 1) / window); }

}  // namespace

std::size_t LoadPlan::in_flight_on(std::size_t connection) const noexcept {
  if (!concurrency) return max_in_flight;
  return *concurrency / connections + (connection < *concurrency % connections ? 1 : 0);
}

Status LoadPlan::check(std::size_t pool) const {
  if (pool == 0) return invalid_argument("there is no body to send");
  if (duration <= 0) return invalid_argument("the duration must be above zero");
  if (warmup < 0) return invalid_argument("the warm-up cannot be negative");
  if (window <= 0) return invalid_argument("the windows must be longer than zero");
  if (drain < 0) return invalid_argument("the time to drain cannot be negative");
  if (timeout && *timeout <= 0) return invalid_argument("the time-out must be above zero");
  if (connections == 0) return invalid_argument("at least one connection is needed");
  if (threads == 0) return invalid_argument("at least one thread is needed");
  if (threads > connections) {
    return invalid_argument(concat(threads, " threads cannot share ", connections, " connections: each needs its own"));
  }
  if (max_in_flight == 0) return invalid_argument("at least one request must be allowed in flight on a connection");
  if (max_requests && *max_requests == 0) return invalid_argument("at least one request must be sent");
  if (concurrency.has_value() == arrivals.has_value()) {
    return invalid_argument("exactly one of concurrency (closed loop) and arrivals (open loop) is needed");
  }
  if (concurrency && *concurrency == 0) return invalid_argument("the concurrency must be at least 1");
  if (concurrency && in_flight_on(0) > max_in_flight) {
    return invalid_argument(concat(*concurrency, " requests cannot be in flight on ", connections, " connections with ",
                                   max_in_flight, " at most on each"));
  }
  if (arrivals && !std::ranges::is_sorted(*arrivals)) return invalid_argument("the arrivals are not in order");
  if (arrivals && !arrivals->empty() && arrivals->front() < 0) {
    return invalid_argument("an arrival cannot be before the start");
  }
  if (std::ranges::any_of(bodies, [pool](std::uint32_t body) { return body >= pool; })) {
    return invalid_argument(concat("a request is to have a body that is not among the ", pool, " given"));
  }
  return {};
}

WindowGrid::WindowGrid(const LoadPlan& plan) noexcept
    : window_(plan.window),
      warmup_(plan.warmup),
      end_(plan.end()),
      warmup_windows_(windows_in(plan.warmup, plan.window)),
      measured_windows_(windows_in(plan.duration, plan.window)) {}

WindowGrid::Bounds WindowGrid::bounds(std::size_t index) const noexcept {
  if (index < warmup_windows_) {
    const Nanos start = static_cast<Nanos>(index) * window_;
    return {start, std::min(start + window_, warmup_), true};
  }
  const Nanos start = warmup_ + static_cast<Nanos>(index - warmup_windows_) * window_;
  return {start, std::min(start + window_, end_), false};
}

}  // namespace pyserver::loadgen
