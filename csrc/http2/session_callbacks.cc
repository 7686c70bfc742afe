// What nghttp2 tells the session. Callbacks on the way in run within receive(), those on the way out within produce().
#include <algorithm>
#include <new>

#include "http2/nghttp2_fields.h"
#include "http2/session_state.h"

namespace pyserver {
namespace {

// RFC 9113, 8.2.1 forbids white space around a value; gRPC allows it to be stripped, and some clients send it.
std::string_view stripped(std::string_view value) {
  const std::size_t first = value.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return value.substr(first, value.find_last_not_of(" \t") - first + 1);
}

SessionStream* stream_of(nghttp2_session* session, StreamId id) {
  return static_cast<SessionStream*>(nghttp2_session_get_stream_user_data(session, id));
}

}  // namespace

nghttp2_session* Http2Session::State::make_session(State& state) {
  using Self = Http2Session::State;
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  const std::unique_ptr<nghttp2_session_callbacks, void (*)(nghttp2_session_callbacks*)> own_callbacks(
      callbacks, nghttp2_session_callbacks_del);
  if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
  const std::unique_ptr<nghttp2_option, void (*)(nghttp2_option*)> own_option(option, nghttp2_option_del);

  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks,
                                                          [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
                                                            return static_cast<Self*>(self)->on_begin_headers(*frame);
                                                          });
  nghttp2_session_callbacks_set_on_header_callback2(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value,
                    std::uint8_t, void* self) { return static_cast<Self*>(self)->on_header(*frame, name, value); });
  // Without it, nghttp2 drops fields with forbidden characters and goes on; RFC 9113, 8.2.1 calls such a request
  // malformed.
  nghttp2_session_callbacks_set_on_invalid_header_callback2(
      callbacks, [](nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf*, nghttp2_rcbuf*, std::uint8_t, void*) {
        return static_cast<int>(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE);
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks,
      [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size, void* self) {
        return static_cast<Self*>(self)->on_data_chunk(id, {reinterpret_cast<const std::byte*>(data), size});
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                       [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
                                                         return static_cast<Self*>(self)->on_frame_received(*frame);
                                                       });
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, int reason, void* self) {
        static_cast<Self*>(self)->on_invalid_frame(*frame, reason);
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks,
                                                       [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
                                                         static_cast<Self*>(self)->on_frame_sent(*frame);
                                                         return 0;
                                                       });
  nghttp2_session_callbacks_set_on_frame_not_send_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, int, void* self) {
        if (frame->hd.type == NGHTTP2_HEADERS) --static_cast<Self*>(self)->own_frames_queued;
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t error, void* self) {
        static_cast<Self*>(self)->on_stream_close(id, error);
        return 0;
      });
  nghttp2_session_callbacks_set_send_data_callback(
      callbacks, [](nghttp2_session*, nghttp2_frame*, const std::uint8_t* head, std::size_t size,
                    nghttp2_data_source* source, void* self) {
        constexpr std::size_t kFrameHead = 9;
        return static_cast<Self*>(self)->send_body_frame(*static_cast<SessionStream*>(source->ptr),
                                                         {reinterpret_cast<const std::byte*>(head), kFrameHead}, size);
      });

  // Windows are opened by consume().
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
  // Bounds of nghttp2's that ours replace: they do not know our clock, and the first is so low (33 a second) that
  // honest clients meet it.
  constexpr std::uint64_t kUnbounded = std::uint64_t{1} << 40;
  nghttp2_option_set_stream_reset_rate_limit(option, kUnbounded, kUnbounded);
  nghttp2_option_set_max_outbound_ack(option, kUnbounded);

  nghttp2_session* session = nullptr;
  if (nghttp2_session_server_new3(&session, callbacks, &state, option, nullptr) != 0) throw std::bad_alloc();
  return session;
}

int Http2Session::State::on_begin_headers(const nghttp2_frame& frame) {
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    SessionStream& stream = pool.take(frame.hd.stream_id);
    all.touch(stream, now);
    idle_since = kNever;
    floods.stream_opened();
    counters.streams_opened.add();
    nghttp2_session_set_stream_user_data(session, frame.hd.stream_id, &stream);
    return 0;
  }
  if (SessionStream* stream = stream_of(session, frame.hd.stream_id)) {
    stream->block_bytes = stream->block_fields = 0;
  }
  return 0;
}

int Http2Session::State::on_header(const nghttp2_frame& frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value) {
  constexpr std::size_t kFieldOverhead = 32;
  // So far beyond the limit that even decoding (and forgetting) it is more than a peer may ask for.
  constexpr std::size_t kAbsurd = 4;
  SessionStream* stream = stream_of(session, frame.hd.stream_id);
  if (stream == nullptr) return 0;
  const std::string_view name_text = text_of(name);
  const std::string_view value_text = text_of(value);
  stream->block_bytes += name_text.size() + value_text.size() + kFieldOverhead;
  ++stream->block_fields;
  if (stream->block_bytes > limits.max_header_list_bytes || stream->block_fields > limits.max_header_fields) {
    if (stream->block_bytes > kAbsurd * limits.max_header_list_bytes ||
        stream->block_fields > kAbsurd * limits.max_header_fields) {
      counters.headers_too_large.add();
      calm_down();
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    stream->headers_too_large = true;
    return 0;
  }
  // Trailers are of no use to anyone.
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) stream->headers.add(name_text, stripped(value_text));
  return 0;
}

int Http2Session::State::on_data_chunk(StreamId id, std::span<const std::byte> bytes) {
  SessionStream* stream = stream_of(session, id);
  // The connection's window is open always: a stream whose answerer takes nothing must not stop the others.
  nghttp2_session_consume_connection(session, bytes.size());
  if (stream == nullptr || stream->exchange == nullptr || stream->closing) return 0;
  stream->unconsumed += bytes.size();
  if (stream->receiving.linked) receiving.touch(*stream, now);
  grow_window(bytes.size());
  stream->exchange->on_data(bytes);
  return terminating ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

int Http2Session::State::on_frame_received(const nghttp2_frame& frame) {
  const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA: {
      SessionStream* stream = stream_of(session, frame.hd.stream_id);
      if (stream == nullptr) break;
      if (ends) {
        stream->request_ended = true;
        receiving.remove(*stream);
      }
      if (frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
        on_request(*stream, ends);
      } else if (ends && stream->exchange != nullptr && !stream->closing) {
        stream->exchange->on_end();
      }
      break;
    }
    case NGHTTP2_RST_STREAM:
      if (SessionStream* stream = stream_of(session, frame.hd.stream_id)) {
        stream->reset_by_peer = true;
        if (!stream->answer_sent && !stream->closing && !floods.peer_reset(now)) calm_down();
      }
      break;
    case NGHTTP2_PING:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) on_ping_ack(frame.ping);
      break;
    default: break;
  }
  return terminating ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

void Http2Session::State::on_request(SessionStream& stream, bool ended) {
  if (stream.headers_too_large) {
    answer_headers_too_large(stream);
    return;
  }
  if (!ended) receiving.touch(stream, now);
  stream.exchange = connection.on_request(stream.id, stream.headers);
  // What was answered within on_request() is answered for this exchange.
  if (ended && !stream.closing) stream.exchange->on_end();
}

void Http2Session::State::on_ping_ack(const nghttp2_ping& ping) {
  switch (static_cast<PingKind>(ping.opaque_data[0])) {
    case PingKind::kBandwidth:
      flow.acknowledged(now, memory_is_short());
      if (flow.window() != window) set_window(flow.window());
      break;
    case PingKind::kDrain:
      if (draining) send_final_goaway();
      break;
    case PingKind::kKeepalive: break;  // any byte tells that the peer lives
  }
}

void Http2Session::State::on_invalid_frame(const nghttp2_frame& frame, int reason) {
  // A peer that knows the limit and goes beyond it breaks the protocol, and loses its connection.
  const bool beyond_limit = frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST &&
                            pool.used() >= limits.max_concurrent_streams;
  if (reason == NGHTTP2_ERR_REFUSED_STREAM || beyond_limit) counters.streams_refused.add();
  if (reason == NGHTTP2_ERR_REFUSED_STREAM) return;
  // nghttp2 has queued the reset; the work for the stream is dropped now, not when the peer takes our frames.
  SessionStream* stream = stream_of(session, frame.hd.stream_id);
  if (stream == nullptr || terminating) return;
  stream->closing = true;
  close_exchange(*stream, Http2Error::kProtocolError, false);
}

void Http2Session::State::on_frame_sent(const nghttp2_frame& frame) {
  const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA: {
      frame.hd.type == NGHTTP2_HEADERS ? static_cast<void>(--own_frames_queued) : floods.data_sent();
      SessionStream* stream = stream_of(session, frame.hd.stream_id);
      if (stream == nullptr) break;
      if (ends) on_answer_sent(*stream);
      if (stream->above_high_water && stream->backlog() <= kLowWater) {
        stream->above_high_water = false;
        if (stream->exchange != nullptr && !stream->closing) stream->exchange->on_drained();
      }
      break;
    }
    case NGHTTP2_RST_STREAM: {
      const SessionStream* stream = stream_of(session, frame.hd.stream_id);
      const bool forced =
          stream == nullptr ? frame.rst_stream.error_code != NGHTTP2_REFUSED_STREAM : !stream->reset_by_us;
      if (forced && !floods.forced_reset(now)) calm_down();
      break;
    }
    case NGHTTP2_GOAWAY: on_goaway_sent(frame.goaway.error_code); break;
    default: break;
  }
}

void Http2Session::State::on_goaway_sent(std::uint32_t error) {
  if (terminating) return;
  if (draining && !final_goaway && error == NGHTTP2_NO_ERROR) {
    // Not before: nghttp2 lets PINGs overtake, and the answer must tell that the GOAWAY has arrived.
    submit_ping(PingKind::kDrain);
  } else if (error == NGHTTP2_ENHANCE_YOUR_CALM) {
    counters.floods.add();  // nghttp2 found it itself
  } else if (error != NGHTTP2_NO_ERROR) {
    counters.protocol_errors.add();
  }
}

void Http2Session::State::on_answer_sent(SessionStream& stream) {
  stream.answer_sent = true;
  if (stream.request_ended || stream.closing) return;
  stream.closing = true;
  stream.reset_by_us = true;
  receiving.remove(stream);
  nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_NO_ERROR);
}

void Http2Session::State::on_stream_close(StreamId id, std::uint32_t error) {
  SessionStream* stream = stream_of(session, id);
  if (stream == nullptr) return;
  stream->closing = true;
  if (stream->answer_sent) {
    close_exchange(*stream, Http2Error::kNoError, false);
  } else if (stream->reset_by_peer) {
    close_exchange(*stream, error == NGHTTP2_NO_ERROR ? Http2Error::kCancel : static_cast<Http2Error>(error), true);
  } else {
    close_exchange(*stream, static_cast<Http2Error>(error), false);
  }
  if (stream->reset_by_peer) {
    closed_streams.add(id, ClosedStreams::How::kReset);
  } else if (stream->request_ended) {
    closed_streams.add(id, ClosedStreams::How::kEnded);
  }
  nghttp2_session_set_stream_user_data(session, id, nullptr);
  forget(*stream);
}

ssize_t Http2Session::State::next_body_frame(SessionStream& stream, std::size_t room, std::uint32_t& flags) {
  const std::size_t size = std::min(room, stream.body.size());
  if (size == 0 && !stream.answer_ended) {
    stream.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  if (size > 0) flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (stream.answer_ended && size == stream.body.size()) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!stream.trailers.empty()) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      submit_trailers(stream);
    }
  }
  return static_cast<ssize_t>(size);
}

int Http2Session::State::send_body_frame(SessionStream& stream, std::span<const std::byte> frame_head,
                                         std::size_t size) {
  out->append(frame_head);
  stream.body.move_to(*out, size);
  stream.body.empty() ? sending.remove(stream) : sending.touch(stream, now);
  return out->size() >= enough ? NGHTTP2_ERR_PAUSE : 0;
}

}  // namespace pyserver
