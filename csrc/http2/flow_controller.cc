#include "http2/flow_controller.h"

#include <algorithm>

namespace pyserver {

bool FlowController::received(std::size_t bytes, TimePoint now) noexcept {
  received_ += bytes;
  if (measuring_ || window_ >= max_window_ || received_ < window_ / kStartShare || now < next_ping_) return false;
  measuring_ = true;
  received_ = 0;
  return true;
}

void FlowController::acknowledged(TimePoint now, bool memory_short) noexcept {
  if (!measuring_) return;
  measuring_ = false;
  const bool filled = received_ >= std::uint64_t{window_} * 2 / 3;
  received_ = 0;
  if (memory_short) {
    memory_is_short();
  } else if (filled) {
    window_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{window_} * 2, max_window_));
  }
  // While it grows, the next measurement follows at once.
  pause_ = filled && !memory_short ? kShortestPause : std::min(pause_ * 2, kLongestPause);
  next_ping_ = filled && !memory_short ? now : now + pause_;
}

}  // namespace pyserver
