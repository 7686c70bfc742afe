// FloodGuard: whether a peer asks for more of what costs us something than honest use would. One for each connection.
//
// Everything returns whether it is within bounds; once it is not, the connection has to end. Thread-compatible.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "http2/limits.h"

namespace pyserver {

// So many within a second, and no more at once.
class TokenBucket {
 public:
  TokenBucket(std::uint32_t per_second, TimePoint now) noexcept
      : per_second_(per_second), tokens_(per_second), at_(now) {}
  bool take(TimePoint now) noexcept;

 private:
  double per_second_;
  double tokens_;
  TimePoint at_;
};

class FloodGuard {
 public:
  FloodGuard(const Http2Limits& limits, TimePoint now) noexcept;

  // The peer reset a stream that was not answered yet.
  bool peer_reset(TimePoint now) noexcept { return peer_resets_.take(now); }
  // The peer made us reset a stream: by something invalid.
  bool forced_reset(TimePoint now) noexcept { return forced_resets_.take(now); }
  // SETTINGS, PRIORITY, and what is ignored or of unknown type.
  bool control_frame(TimePoint now) noexcept { return control_frames_.take(now); }
  // gRPC clients measure the bandwidth by a PING a burst of our DATA: one PING after DATA is free.
  bool ping(TimePoint now) noexcept;
  bool window_update() noexcept;
  // DATA with so many octets beside padding. An empty frame that ends a stream is of use.
  bool data(std::size_t content, bool end_stream) noexcept;
  // `queued`: frames that wait in nghttp2 to be sent and that we did not choose to send.
  bool queued_control_frames(std::size_t queued) const noexcept { return queued <= limits_.max_queued_control_frames; }

  void stream_opened() noexcept { window_updates_left_ += kWindowUpdatesPerStream; }
  void data_sent() noexcept;

 private:
  static constexpr std::uint64_t kFirstWindowUpdates = 100;
  static constexpr std::uint64_t kWindowUpdatesPerStream = 2;

  const Http2Limits& limits_;
  TokenBucket peer_resets_;
  TokenBucket forced_resets_;
  TokenBucket control_frames_;
  bool data_since_ping_ = false;
  std::uint64_t window_updates_left_ = kFirstWindowUpdates;
  std::uint32_t empty_data_in_a_row_ = 0;
};

}  // namespace pyserver
