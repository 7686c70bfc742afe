// InlinePolicy: whether a model is so fast that running it where the request was decoded costs less than handing the
// request to an instance's thread and its answer back.
//
// A hand-over wakes two threads: measured (bench/micro/infer_cost.cc, two cores), a lone request through a model that
// does nothing costs 10 µs of CPU with it and 1 µs without. So a model is run inline while its executions take less
// than kWorthwhile on average; and since the thread that decodes also serves other connections, one execution above
// kTooLong ends that for the next kPause executions.
// Thread-safe, lock-free: the numbers need not be exact.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace pyserver {

class InlinePolicy {
 public:
  static constexpr Duration kWorthwhile = std::chrono::microseconds(10);
  static constexpr Duration kTooLong = std::chrono::microseconds(200);
  static constexpr std::uint32_t kMeasured = 64;  // executions before the first verdict
  static constexpr std::uint32_t kPause = 4096;

  // A batch was executed, anywhere.
  void executed(Duration duration) noexcept {
    const std::int64_t ns = std::chrono::nanoseconds(duration).count();
    const std::int64_t mean = mean_ns_.load(std::memory_order_relaxed);
    mean_ns_.store(mean + (ns - mean) / 16, std::memory_order_relaxed);
    const std::uint32_t wait = wait_.load(std::memory_order_relaxed);
    if (duration > kTooLong) {
      wait_.store(kPause, std::memory_order_relaxed);
    } else if (wait > 0) {
      wait_.store(wait - 1, std::memory_order_relaxed);
    }
  }

  bool worthwhile() const noexcept {
    return wait_.load(std::memory_order_relaxed) == 0 &&
           mean_ns_.load(std::memory_order_relaxed) <= std::chrono::nanoseconds(kWorthwhile).count();
  }

 private:
  std::atomic<std::int64_t> mean_ns_{0};        // exponential average
  std::atomic<std::uint32_t> wait_{kMeasured};  // executions until the next verdict
};

}  // namespace pyserver
