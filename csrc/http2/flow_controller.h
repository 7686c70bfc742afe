// FlowController: how large the receive windows should be, from what arrives between a PING of ours and its answer
// (the bandwidth-delay product, as gRPC's implementations estimate it).
//
// A window that is nearly filled within one round trip holds the peer back: it is doubled. Asks for PINGs only while
// much is received, the more rarely the less they change. No clock, no session: thread-compatible.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace pyserver {

class FlowController {
 public:
  FlowController(std::uint32_t initial_window, std::uint32_t max_window) noexcept
      : initial_window_(initial_window), max_window_(max_window), window_(initial_window) {}

  // `bytes` of bodies came. Whether a PING should be sent now; if so, it is taken to be sent.
  bool received(std::size_t bytes, TimePoint now) noexcept;
  // Its answer came. `memory_short`: windows go back to, or stay at, their first size.
  void acknowledged(TimePoint now, bool memory_short) noexcept;
  void memory_is_short() noexcept { window_ = initial_window_; }

  std::uint32_t window() const noexcept { return window_; }
  bool grown() const noexcept { return window_ > initial_window_; }

 private:
  // A measurement begins early in a burst, or it would see only what is left of a window.
  static constexpr std::uint32_t kStartShare = 8;
  static constexpr Duration kShortestPause = std::chrono::milliseconds(100);
  static constexpr Duration kLongestPause = std::chrono::seconds(10);

  const std::uint32_t initial_window_;
  const std::uint32_t max_window_;
  std::uint32_t window_;
  std::uint64_t received_ = 0;  // since the last PING
  bool measuring_ = false;
  Duration pause_ = kShortestPause;
  TimePoint next_ping_ = TimePoint::min();
};

}  // namespace pyserver
