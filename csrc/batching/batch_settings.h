// BatchSettings: how requests wait and are put together. A value.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace pyserver {

struct BatchSettings {
  // How long the first request of a batch may wait for others. 0: an idle instance takes at once what is there.
  Duration max_queue_delay{0};
  // Rows, rising; a batch of such a size does not wait for more.
  std::vector<std::int64_t> preferred_batch_sizes;
  // Requests; one more is refused with RESOURCE_EXHAUSTED.
  std::size_t max_queue_size = 1024;
  // Levels 1 (first) to this one (last, and the default of a request that names none).
  std::uint32_t priority_levels = 1;
  // For requests without a deadline of their own. 0: none.
  Duration default_timeout{0};
};

}  // namespace pyserver
