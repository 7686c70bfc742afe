// Clock: the only way that the core learns the time or waits for it, so that tests can drive both.
//
// Thread-safe. `SteadyClock` is the real one; tests/cpp/support/fake_clock.h moves only when told to.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace pyserver {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// A deadline that never comes.
inline constexpr TimePoint kNever = TimePoint::max();

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  // Waits until `condition` is notified or `until` has come; may also return for no reason.
  virtual void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, TimePoint until) = 0;
};

class SteadyClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
  void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, TimePoint until) override;
};

// Whole microseconds, never negative.
inline std::uint64_t microseconds_between(TimePoint from, TimePoint to) noexcept {
  return to <= from
             ? 0
             : static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(to - from).count());
}

}  // namespace pyserver
