#include "batching/batch_policy.h"

#include <algorithm>

namespace pyserver {
namespace {

// 0 where the rows reach none.
std::int64_t largest_preferred(const std::vector<std::int64_t>& preferred, std::int64_t rows) noexcept {
  std::int64_t largest = 0;
  for (const std::int64_t size : preferred) {
    if (size <= rows) largest = std::max(largest, size);
  }
  return largest;
}

// kNever minus something, or something plus a very long delay, must not wrap around.
TimePoint later_by(TimePoint from, Duration delay) noexcept { return delay > kNever - from ? kNever : from + delay; }

}  // namespace

BatchDecision decide(const QueueView& view, const BatchSettings& settings, std::int64_t max_batch_size,
                     Duration expected_execution, TimePoint now) {
  const BatchDecision take_all{true, max_batch_size, now};
  if (view.full) return take_all;
  if (const std::int64_t size = largest_preferred(settings.preferred_batch_sizes, view.rows); size > 0) {
    return {true, size, now};
  }
  if (settings.max_queue_delay <= Duration::zero()) return take_all;

  const TimePoint delay_over = later_by(view.oldest_arrival, settings.max_queue_delay);
  const TimePoint last_start =
      view.earliest_deadline == kNever ? kNever : view.earliest_deadline - (expected_execution + kDeadlineMargin);
  const TimePoint due = std::min(delay_over, last_start);
  if (due <= now) return take_all;
  return {false, 0, due};
}

}  // namespace pyserver
