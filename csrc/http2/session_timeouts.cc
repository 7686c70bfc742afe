// The session's time: what it waits for, and what it does when that does not come.
#include <algorithm>

#include "http2/session_state.h"

namespace pyserver {
namespace {

// After the first GOAWAY, for its round trip, if the PING behind it is not answered.
constexpr std::chrono::milliseconds kDrainRoundTrip{1000};

}  // namespace

TimePoint Http2Session::State::after(TimePoint since, std::chrono::milliseconds timeout) noexcept {
  return since == kNever || timeout == timeout.zero() ? kNever : since + timeout;
}

TimePoint Http2Session::State::keepalive_deadline() const noexcept {
  return keepalive_since == kNever ? after(received_at, limits.keepalive_interval)
                                   : after(keepalive_since, limits.keepalive_timeout);
}

TimePoint Http2Session::State::next_deadline() const noexcept {
  if (ended()) return kNever;
  // All that is left to do is to get the last GOAWAY out.
  if (terminating) return after(stalled_since, limits.write_timeout);
  return std::min({settings_received ? kNever : after(opened, limits.preface_timeout),
                   after(header_block_since, limits.headers_timeout), after(receiving.oldest(), limits.body_timeout),
                   after(std::min(sending.oldest(), stalled_since), limits.write_timeout),
                   after(idle_since, limits.idle_timeout), keepalive_deadline(), age_limit, grace_until,
                   final_goaway ? kNever : after(drain_since, kDrainRoundTrip)});
}

void Http2Session::State::tick(TimePoint time) {
  now = time;
  if (ended()) return;
  tick_connection(now);
  if (!terminating && !dead) tick_streams(now);
}

void Http2Session::State::tick_connection(TimePoint time) {
  if (after(stalled_since, limits.write_timeout) <= time) {
    counters.write_timeouts.add();
    return give_up();
  }
  if (terminating) return;
  if (!settings_received && after(opened, limits.preface_timeout) <= time) {
    counters.preface_timeouts.add();
    return terminate(Http2Error::kProtocolError);
  }
  if (after(header_block_since, limits.headers_timeout) <= time) {
    counters.headers_timeouts.add();
    return terminate(Http2Error::kProtocolError);
  }
  if (after(idle_since, limits.idle_timeout) <= time) {
    counters.idle_timeouts.add();
    return terminate(Http2Error::kNoError);
  }
  if (keepalive_deadline() <= time) {
    if (keepalive_since != kNever) {
      counters.keepalive_timeouts.add();
      return terminate(Http2Error::kNoError);
    }
    keepalive_since = time;
    submit_ping(PingKind::kKeepalive);
  }
  if (grace_until <= time) return terminate(Http2Error::kNoError);
  if (age_limit <= time) {
    counters.aged_connections.add();
    age_limit = kNever;
    grace_until = after(time, limits.max_connection_age_grace);
    drain();
  }
  if (!final_goaway && after(drain_since, kDrainRoundTrip) <= time) send_final_goaway();
}

void Http2Session::State::tick_streams(TimePoint time) {
  while (after(receiving.oldest(), limits.body_timeout) <= time) {
    SessionStream& stream = *receiving.front();
    if (stream.unconsumed > 0) {
      // It is the answerer who holds the windows closed, not the peer who is slow.
      receiving.touch(stream, time);
      continue;
    }
    counters.body_timeouts.add();
    reset(stream, Http2Error::kCancel);
    close_exchange(stream, Http2Error::kCancel, true);
  }
  while (after(sending.oldest(), limits.write_timeout) <= time) {
    SessionStream& stream = *sending.front();
    counters.write_timeouts.add();
    reset(stream, Http2Error::kCancel);
    close_exchange(stream, Http2Error::kCancel, true);
  }
}

}  // namespace pyserver
