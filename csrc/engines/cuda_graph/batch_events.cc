#include "engines/cuda_graph/batch_events.h"

#include <array>
#include <optional>
#include <utility>

namespace pyserver {

Result<BatchEvents> BatchEvents::create(const cuda::Device& device) {
  std::array<std::optional<cuda::Event>, 6> events;
  for (std::optional<cuda::Event>& event : events) {
    auto made = cuda::Event::create(device, cuda::Timing::kEnabled);
    if (!made.ok()) return std::move(made).status();
    event = *std::move(made);
  }
  return BatchEvents{*std::move(events[0]), *std::move(events[1]), *std::move(events[2]),
                     *std::move(events[3]), *std::move(events[4]), *std::move(events[5])};
}

Result<BatchTimes> BatchEvents::times() const {
  const auto h2d = copied_in.since(copy_in_begins);
  if (!h2d.ok()) return h2d.status();
  const auto compute = computed.since(compute_begins);
  if (!compute.ok()) return compute.status();
  const auto d2h = copied_out.since(copy_out_begins);
  if (!d2h.ok()) return d2h.status();
  return BatchTimes{*h2d, *compute, *d2h};
}

}  // namespace pyserver
