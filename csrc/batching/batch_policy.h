// The batch policy: when an idle instance takes a batch, and how large. A pure function of what waits and of the time.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "batching/batch_settings.h"
#include "batching/request_queue.h"

namespace pyserver {

// Either take requests of at most `max_rows` rows now, or look again at `wait_until`, or when another request arrives.
struct BatchDecision {
  bool take = false;
  std::int64_t max_rows = 0;
  TimePoint wait_until = kNever;
};

// Time that the wake-up of a thread and the answer may take beyond the execution itself: a batch that has a deadline is
// begun that much earlier.
inline constexpr Duration kDeadlineMargin = std::chrono::milliseconds(1);

// `view` is of a batch of `max_batch_size` rows and not empty. `expected_execution` is how long a batch takes; 0 where
// that is not known yet. The rules, the first that applies:
//   1. A full batch is taken.
//   2. If the rows reach a preferred size, the largest that they reach is taken.
//   3. Without max_queue_delay, what is there is taken.
//   4. The first request has waited for max_queue_delay, or the earliest deadline would not be met by waiting on: what
//   is
//      there is taken. Before that, wait for the earlier of the two.
BatchDecision decide(const QueueView& view, const BatchSettings& settings, std::int64_t max_batch_size,
                     Duration expected_execution, TimePoint now);

}  // namespace pyserver
