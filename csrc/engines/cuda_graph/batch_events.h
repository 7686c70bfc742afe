// BatchEvents: the points in the three queues of an instance between which one lane's batch is copied, executed and
// copied back. They order the queues, and tell how long each part took.
#pragma once

#include <chrono>

#include "base/status.h"
#include "cuda/event.h"

namespace pyserver {

struct BatchTimes {
  std::chrono::nanoseconds h2d{}, compute{}, d2h{};
};

struct BatchEvents {
  static Result<BatchEvents> create(const cuda::Device& device);

  // Of the last batch, which must be done.
  Result<BatchTimes> times() const;

  cuda::Event copy_in_begins, copied_in;    // on the stream of copies in
  cuda::Event compute_begins, computed;     // on that of execution
  cuda::Event copy_out_begins, copied_out;  // on that of copies out
};

}  // namespace pyserver
