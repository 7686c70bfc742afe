#include "http2/flood_guard.h"

#include <algorithm>

namespace pyserver {

bool TokenBucket::take(TimePoint now) noexcept {
  if (now > at_) {
    tokens_ = std::min(per_second_, tokens_ + per_second_ * std::chrono::duration<double>(now - at_).count());
    at_ = now;
  }
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

FloodGuard::FloodGuard(const Http2Limits& limits, TimePoint now) noexcept
    : limits_(limits),
      peer_resets_(limits.max_resets_per_second, now),
      forced_resets_(limits.max_forced_resets_per_second, now),
      control_frames_(limits.max_control_frames_per_second, now) {}

bool FloodGuard::ping(TimePoint now) noexcept {
  if (data_since_ping_) {
    data_since_ping_ = false;
    return true;
  }
  return control_frames_.take(now);
}

bool FloodGuard::window_update() noexcept {
  if (window_updates_left_ == 0) return false;
  --window_updates_left_;
  return true;
}

bool FloodGuard::data(std::size_t content, bool end_stream) noexcept {
  if (content > 0) {
    empty_data_in_a_row_ = 0;
    return true;
  }
  if (end_stream) return true;
  return ++empty_data_in_a_row_ <= limits_.max_empty_data_frames;
}

void FloodGuard::data_sent() noexcept {
  data_since_ping_ = true;
  window_updates_left_ += limits_.max_window_updates_per_data;
}

}  // namespace pyserver
