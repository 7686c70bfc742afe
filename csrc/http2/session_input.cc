// The way of bytes in: each frame is looked at before nghttp2 takes it and after, for what nghttp2 lets pass.
#include "http2/session_state.h"

namespace pyserver {

void Http2Session::State::receive(std::span<const std::byte> bytes) {
  now = received_at = clock.now();
  keepalive_since = kNever;
  counters.received_bytes.add(bytes.size());
  while (!bytes.empty() && !input_ended) {
    const std::size_t taken = scanner.advance(bytes);
    if (scanner.began() && !frame_began()) break;
    if (!feed(bytes.first(taken))) break;
    if (scanner.completed() && !frame_completed()) break;
    bytes = bytes.subspan(taken);
  }
  // Their work is dropped now, whenever the peer takes our good-bye.
  if (flooded) close_all_exchanges(Http2Error::kEnhanceYourCalm, false);
}

bool Http2Session::State::feed(std::span<const std::byte> bytes) {
  const ssize_t taken =
      nghttp2_session_mem_recv(session, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) return !input_ended;
  switch (taken) {
    case NGHTTP2_ERR_CALLBACK_FAILURE:  // by us, who have seen to the rest
      return false;
    case NGHTTP2_ERR_FLOODED:
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS: return calm_down();
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC: return protocol_error(Http2Error::kProtocolError);
    default: terminate(Http2Error::kInternalError); return false;
  }
}

bool Http2Session::State::frame_began() {
  const FrameHead& head = scanner.head();
  switch (head.type) {
    case NGHTTP2_HEADERS:
      header_block_since = now;
      if (head.stream > last_stream) {
        closed_streams.pass_over(last_stream, head.stream);
        last_stream = head.stream;
        // nghttp2 says nothing of those that come after the final GOAWAY.
        if (final_goaway) counters.streams_refused.add();
        return true;
      }
      return check_closed_stream();
    case NGHTTP2_DATA: return check_closed_stream();
    case NGHTTP2_RST_STREAM:
      // Of streams that there are not: no reset, but a frame that has to be looked at.
      if (nghttp2_session_get_stream_user_data(session, head.stream) == nullptr && !floods.control_frame(now)) {
        return calm_down();
      }
      return true;
    default: return true;
  }
}

bool Http2Session::State::check_closed_stream() {
  switch (closed_streams.how(scanner.head().stream)) {
    case ClosedStreams::How::kEnded: return protocol_error(Http2Error::kStreamClosed);
    case ClosedStreams::How::kPassedOver: return protocol_error(Http2Error::kProtocolError);
    case ClosedStreams::How::kReset:
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, scanner.head().stream, NGHTTP2_STREAM_CLOSED);
      return true;
    case ClosedStreams::How::kUnknown: break;
  }
  return true;
}

bool Http2Session::State::frame_completed() {
  const FrameHead& head = scanner.head();
  const bool ack = (head.flags & NGHTTP2_FLAG_ACK) != 0;
  switch (head.type) {
    case NGHTTP2_DATA:
      if (!floods.data(scanner.content_size(), (head.flags & NGHTTP2_FLAG_END_STREAM) != 0)) return calm_down();
      return true;  // queues nothing
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
      if ((head.flags & NGHTTP2_FLAG_END_HEADERS) != 0) header_block_since = kNever;
      break;
    case NGHTTP2_PRIORITY: {
      // We have told the peer that we do not use it (RFC 9218); nghttp2 does not look at it any more.
      const auto peek = scanner.peeked();
      const bool on_itself =
          peek.size() >= 4 && ((peek[0] & 0x7f) << 24 | peek[1] << 16 | peek[2] << 8 | peek[3]) == head.stream;
      if (head.stream == 0 || on_itself) return protocol_error(Http2Error::kProtocolError);
      if (!floods.control_frame(now)) return calm_down();
      break;
    }
    case NGHTTP2_SETTINGS:
      if (!ack) settings_received = true;
      if (!floods.control_frame(now)) return calm_down();
      break;
    case NGHTTP2_PING:
      if (!(ack ? floods.control_frame(now) : floods.ping(now))) return calm_down();
      break;
    case NGHTTP2_WINDOW_UPDATE:
      if (!floods.window_update()) return calm_down();
      break;
    case NGHTTP2_RST_STREAM: break;  // counted when it began
    default:
      if (!floods.control_frame(now)) return calm_down();
      break;
  }
  return check_queued_frames();
}

bool Http2Session::State::check_queued_frames() {
  // What answers put there is theirs, and every stream may wait for a reset and a window update of ours.
  const std::size_t own = own_frames_queued + 2 * pool.used();
  const std::size_t queued = nghttp2_session_get_outbound_queue_size(session);
  return queued <= own || floods.queued_control_frames(queued - own) || calm_down();
}

bool Http2Session::State::calm_down() {
  if (!terminating) {
    flooded = true;
    counters.floods.add();
    terminate(Http2Error::kEnhanceYourCalm);
  }
  return false;
}

bool Http2Session::State::protocol_error(Http2Error error) {
  if (!terminating) {
    counters.protocol_errors.add();
    terminate(error);
  }
  return false;
}

void Http2Session::State::receive_end() {
  now = clock.now();
  peer_gone = input_ended = true;
  // A peer that only wants to send no more still gets what is ready; nobody can tell it from one that is gone.
  for (SessionStream* stream = all.front(); stream != nullptr;) {
    SessionStream* next = all.after(*stream);
    if (!stream->answer_ended) {
      stream->closing = true;
      close_exchange(*stream, Http2Error::kCancel, true);
    }
    stream = next;
  }
}

bool Http2Session::State::memory_is_short() const {
  return request_memory.stats().used_bytes > request_memory.limits().max_bytes / 4 * 3;
}

void Http2Session::State::grow_window(std::size_t received) {
  constexpr Duration kMemoryCheck = std::chrono::milliseconds(100);
  if (flow.received(received, now)) submit_ping(PingKind::kBandwidth);
  if (!flow.grown() || now < memory_checked + kMemoryCheck) return;
  memory_checked = now;
  if (!memory_is_short()) return;
  flow.memory_is_short();
  set_window(flow.window());
}

void Http2Session::State::set_window(std::uint32_t bytes) {
  window = bytes;
  const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, bytes};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &entry, 1);
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, static_cast<std::int32_t>(bytes));
}

}  // namespace pyserver
