// What an HTTP/2 peer may ask of us, and the counters of when it asked for more.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "metrics/counter.h"

namespace pyserver {

// Durations of zero switch a time-out off. Defaults: those that issue and reliability notes call safe; each is an
// option of the server (pyserver/config/schema.py).
struct Http2Limits {
  std::uint32_t max_concurrent_streams = 1024;
  // Enforced by us: nghttp2 only tells the peer.
  std::size_t max_header_list_bytes = 16 * 1024;
  std::size_t max_header_fields = 128;

  // Flow control: what a peer may send before we have taken it. Windows grow from the first figure to the second while
  // the bandwidth-delay product asks for it and the pool of request memory is not short.
  std::uint32_t initial_window_bytes = 256 * 1024;
  std::uint32_t max_window_bytes = 16 * 1024 * 1024;
  std::uint32_t max_frame_bytes = 16 * 1024;  // that we take (SETTINGS_MAX_FRAME_SIZE)

  // Time-outs.
  std::chrono::milliseconds preface_timeout{10'000};            // the client's preface and first SETTINGS
  std::chrono::milliseconds headers_timeout{10'000};            // a header block that has begun
  std::chrono::milliseconds body_timeout{60'000};               // a request's body: between two pieces of it
  std::chrono::milliseconds write_timeout{60'000};              // we have something to send and the peer takes nothing
  std::chrono::milliseconds idle_timeout{0};                    // a connection without streams
  std::chrono::milliseconds keepalive_interval{7'200'000};      // our PING after so long a silence
  std::chrono::milliseconds keepalive_timeout{20'000};          // its answer
  std::chrono::milliseconds max_connection_age{0};              // ± 10 % by chance; then GOAWAY
  std::chrono::milliseconds max_connection_age_grace{300'000};  // for the streams that there are by then

  // Floods: more than so many within one second (a token bucket of that depth) ends the connection with GOAWAY
  // ENHANCE_YOUR_CALM.
  std::uint32_t max_resets_per_second = 200;           // streams that the peer resets before they are answered
  std::uint32_t max_forced_resets_per_second = 100;    // streams that the peer makes *us* reset ("MadeYouReset")
  std::uint32_t max_control_frames_per_second = 1000;  // PING, SETTINGS, PRIORITY, unknown frames
  // Other bounds, each for the life of what it belongs to.
  std::uint32_t max_queued_control_frames = 1000;  // answers (acks, resets) that the peer does not read
  std::uint32_t max_window_updates_per_data = 10;  // per DATA frame that we sent, beyond a few to begin with
  std::uint32_t max_empty_data_frames = 100;       // in a row: DATA without content (padding is none)
};

// Counted over all connections of a server; lock-free.
struct Http2Counters {
  Counter connections_opened, connections_closed;
  Counter streams_opened, streams_closed;
  Counter streams_refused;    // beyond max_concurrent_streams, or while shutting down
  Counter headers_too_large;  // beyond max_header_list_bytes or max_header_fields
  Counter protocol_errors;    // connections that ended for a broken rule of the protocol
  Counter floods;             // connections that ended with ENHANCE_YOUR_CALM
  Counter preface_timeouts, headers_timeouts, body_timeouts, write_timeouts, idle_timeouts, keepalive_timeouts;
  Counter aged_connections;
  Counter received_bytes, sent_bytes;
};

}  // namespace pyserver
