// What a load run does when: the plan, and the grid of windows that its numbers are put into.
//
// Values; thread-compatible, and immutable during a run. Moments are nanoseconds from the start of the run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace pyserver::loadgen {

// Nanoseconds: a span, a moment from the start of a run, or one of the steady clock.
using Nanos = std::int64_t;
inline constexpr Nanos kNeverNanos = std::numeric_limits<Nanos>::max();

inline Nanos steady_now() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct LoadPlan {
  Nanos duration = 0;  // without the warm-up
  Nanos warmup = 0;
  std::optional<std::uint64_t> max_requests;  // after the warm-up
  std::size_t connections = 1;
  std::size_t threads = 1;
  std::size_t max_in_flight = 100;  // on each connection
  // Exactly one of the two. Closed loop: so many requests in flight in all.
  std::optional<std::size_t> concurrency;
  // Open loop: when requests are due, ascending.
  std::optional<std::vector<Nanos>> arrivals;
  // Which body the n-th request has; empty: in turn.
  std::vector<std::uint32_t> bodies;
  Nanos window = 0;
  std::optional<Nanos> timeout;
  Nanos drain = 0;

  Nanos end() const noexcept { return warmup + duration; }
  // How many requests may be in flight on the n-th connection.
  std::size_t in_flight_on(std::size_t connection) const noexcept;
  // INVALID_ARGUMENT with what cannot be done. `pool`: how many bodies there are.
  Status check(std::size_t pool) const;
};

// Windows lie side by side, from the start of the warm-up and again from its end, so that none holds some of both.
class WindowGrid {
 public:
  explicit WindowGrid(const LoadPlan& plan) noexcept;

  struct Bounds {
    Nanos start = 0;
    Nanos end = 0;
    bool warmup = false;
  };
  Bounds bounds(std::size_t index) const noexcept;
  // Of windows that are neither empty nor beyond the end of the plan.
  std::size_t size() const noexcept { return warmup_windows_ + measured_windows_; }

 private:
  Nanos window_, warmup_, end_;
  std::size_t warmup_windows_, measured_windows_;
};

}  // namespace pyserver::loadgen
