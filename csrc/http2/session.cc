#include "http2/session.h"

#include <algorithm>
#include <random>

#include "http2/nghttp2_fields.h"
#include "http2/session_state.h"

namespace pyserver {
namespace {

// ± 10 %, so that connections that were opened together do not all come back together.
TimePoint age_limit_from(TimePoint opened, std::chrono::milliseconds age) {
  if (age == age.zero()) return kNever;
  std::random_device random;
  std::uniform_real_distribution<double> share(0.9, 1.1);
  return opened + std::chrono::duration_cast<Duration>(age * share(random));
}

}  // namespace

Http2Session::State::State(Http2Connection& its_connection, const Http2Limits& its_limits, Http2Counters& its_counters,
                           const BufferPool& its_memory, Clock& its_clock)
    : connection(its_connection),
      limits(its_limits),
      counters(its_counters),
      request_memory(its_memory),
      clock(its_clock),
      now(its_clock.now()),
      floods(limits, now),
      flow(limits.initial_window_bytes, std::max(limits.initial_window_bytes, limits.max_window_bytes)),
      window(limits.initial_window_bytes),
      opened(now),
      received_at(now),
      idle_since(now),
      age_limit(age_limit_from(now, limits.max_connection_age)),
      memory_checked(now) {
  session = make_session(*this);
  const std::array entries{
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.max_concurrent_streams},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.initial_window_bytes},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_FRAME_SIZE, limits.max_frame_bytes},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
                             static_cast<std::uint32_t>(limits.max_header_list_bytes)},
      // Spares us the tree of RFC 7540's priorities, which nobody uses and which is a target.
      nghttp2_settings_entry{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(limits.initial_window_bytes));
  counters.connections_opened.add();
}

Http2Session::State::~State() {
  close_all_exchanges(Http2Error::kCancel, true);
  while (SessionStream* stream = all.front()) forget(*stream);
  nghttp2_session_del(session);
  counters.connections_closed.add();
}

void Http2Session::State::terminate(Http2Error error) {
  if (terminating) return;
  terminating = input_ended = true;
  nghttp2_session_terminate_session(session, static_cast<std::uint32_t>(error));
}

void Http2Session::State::give_up() {
  dead = input_ended = true;
  close_all_exchanges(Http2Error::kCancel, true);
}

bool Http2Session::State::ended() const noexcept {
  if (dead) return true;
  if (nghttp2_session_want_write(session) != 0) return false;
  return peer_gone || nghttp2_session_want_read(session) == 0;
}

void Http2Session::State::drain() {
  if (draining || terminating) return;
  draining = true;
  drain_since = clock.now();
  nghttp2_submit_shutdown_notice(session);  // a PING follows it
}

void Http2Session::State::send_final_goaway() {
  if (final_goaway || terminating) return;
  final_goaway = true;
  nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session), NGHTTP2_NO_ERROR,
                        nullptr, 0);
}

void Http2Session::State::submit_ping(PingKind kind) {
  const std::array<std::uint8_t, 8> opaque{static_cast<std::uint8_t>(kind)};
  nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, opaque.data());
}

SessionStream* Http2Session::State::find(StreamId id) const noexcept {
  auto* stream = static_cast<SessionStream*>(nghttp2_session_get_stream_user_data(session, id));
  return stream == nullptr || stream->closing ? nullptr : stream;
}

void Http2Session::State::submit_headers(SessionStream& stream, std::span<const HeaderField> fields, bool end_stream) {
  nv.clear();
  for (const HeaderField& field : fields) nv.push_back(as_nv(field, NGHTTP2_NV_FLAG_NONE));
  stream.headers_queued = true;
  stream.answer_ended = end_stream;
  // From here on it is a conversation: a peer may think for as long as it likes between two messages.
  receiving.remove(stream);
  nghttp2_data_provider body{};
  body.source.ptr = &stream;
  body.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t room, std::uint32_t* flags,
                          nghttp2_data_source* source, void* self) {
    return static_cast<State*>(self)->next_body_frame(*static_cast<SessionStream*>(source->ptr), room, *flags);
  };
  if (nghttp2_submit_response(session, stream.id, nv.data(), nv.size(), end_stream ? nullptr : &body) == 0) {
    ++own_frames_queued;
  }
}

void Http2Session::State::submit_trailers(SessionStream& stream) {
  nv.clear();
  // They lie in the stream, which outlives the frame: nghttp2 need not copy them.
  for (std::size_t index = 0; index < stream.trailers.size(); ++index) {
    nv.push_back(as_nv(stream.trailers[index], kFieldNotCopied));
  }
  if (nghttp2_submit_trailer(session, stream.id, nv.data(), nv.size()) == 0) ++own_frames_queued;
}

void Http2Session::State::resume(SessionStream& stream) {
  if (!stream.deferred) return;
  stream.deferred = false;
  nghttp2_session_resume_data(session, stream.id);
}

void Http2Session::State::take_turns(SessionStream& stream) {
  stream.incremental = true;
  const nghttp2_extpri priority{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  constexpr int kPeerDecides = 0;  // by a "priority" field
  nghttp2_session_change_extpri_stream_priority(session, stream.id, &priority, kPeerDecides);
}

void Http2Session::State::reset(SessionStream& stream, Http2Error error) {
  stream.closing = true;
  stream.reset_by_us = true;
  receiving.remove(stream);
  sending.remove(stream);
  stream.unconsumed = 0;
  nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream.id, static_cast<std::uint32_t>(error));
}

void Http2Session::State::answer_headers_too_large(SessionStream& stream) {
  counters.headers_too_large.add();
  constexpr std::array fields{HeaderField{":status", "431"}};
  submit_headers(stream, fields, true);
}

void Http2Session::State::close_exchange(SessionStream& stream, Http2Error error, bool by_peer) {
  receiving.remove(stream);
  sending.remove(stream);
  stream.unconsumed = 0;
  if (stream.exchange == nullptr) return;
  // Taken out first: what it calls of the session is for a stream that is gone.
  const std::unique_ptr<Http2Exchange> exchange = std::move(stream.exchange);
  exchange->on_closed(error, by_peer);
}

void Http2Session::State::close_all_exchanges(Http2Error error, bool by_peer) {
  for (SessionStream* stream = all.front(); stream != nullptr;) {
    SessionStream* next = all.after(*stream);
    stream->closing = true;
    close_exchange(*stream, error, by_peer);
    stream = next;
  }
}

void Http2Session::State::forget(SessionStream& stream) noexcept {
  all.remove(stream);
  receiving.remove(stream);
  sending.remove(stream);
  pool.give_back(stream);
  counters.streams_closed.add();
  if (pool.used() == 0) idle_since = now;
}

Http2Session::Http2Session(Http2Connection& connection, const Http2Limits& limits, Http2Counters& counters,
                           const BufferPool& request_memory, Clock& clock)
    : state_(std::make_unique<State>(connection, limits, counters, request_memory, clock)) {}

Http2Session::~Http2Session() = default;

void Http2Session::receive(std::span<const std::byte> bytes) { state_->receive(bytes); }

void Http2Session::receive_end() { state_->receive_end(); }

void Http2Session::produce(OutputQueue& out, std::size_t enough) {
  State& state = *state_;
  if (state.dead) return;
  state.now = state.clock.now();
  state.out = &out;
  state.enough = enough;
  const std::size_t before = out.size();
  while (out.size() < enough) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(state.session, &data);
    if (size < 0) {
      state.give_up();
      break;
    }
    if (size == 0) break;
    out.append({reinterpret_cast<const std::byte*>(data), static_cast<std::size_t>(size)});
  }
  state.out = nullptr;
  state.counters.sent_bytes.add(out.size() - before);
  if (state.flooded) state.close_all_exchanges(Http2Error::kEnhanceYourCalm, false);
  if (state.ended()) state.close_all_exchanges(Http2Error::kCancel, state.peer_gone);
}

bool Http2Session::wants_to_produce() const noexcept {
  return !state_->dead && nghttp2_session_want_write(state_->session) != 0;
}

bool Http2Session::ended() const noexcept { return state_->ended(); }

TimePoint Http2Session::next_deadline() const noexcept { return state_->next_deadline(); }

void Http2Session::tick(TimePoint now) { state_->tick(now); }

void Http2Session::wrote(std::size_t bytes, bool pending, TimePoint now) noexcept {
  TimePoint& since = state_->stalled_since;
  if (!pending) {
    since = kNever;
  } else if (bytes > 0 || since == kNever) {
    since = now;
  }
}

void Http2Session::send_headers(StreamId id, std::span<const HeaderField> fields, bool end_stream) {
  SessionStream* stream = state_->find(id);
  if (stream != nullptr && !stream->headers_queued) state_->submit_headers(*stream, fields, end_stream);
}

void Http2Session::send_data(StreamId id, BodyPiece piece) {
  SessionStream* stream = state_->find(id);
  if (stream == nullptr || stream->answer_ended) return;
  stream->body.push(std::move(piece));
  if (stream->body.empty()) return;
  if (!stream->sending.linked) state_->sending.touch(*stream, state_->clock.now());
  if (stream->backlog() > kHighWater) stream->above_high_water = true;
  if (stream->backlog() > State::kLongBody && !stream->incremental) state_->take_turns(*stream);
  state_->resume(*stream);
}

void Http2Session::send_trailers(StreamId id, std::span<const HeaderField> fields) {
  SessionStream* stream = state_->find(id);
  if (stream == nullptr || stream->answer_ended) return;
  for (const HeaderField& field : fields) stream->trailers.add(field.name, field.value);
  stream->answer_ended = true;
  state_->resume(*stream);
}

void Http2Session::end_body(StreamId id) { send_trailers(id, {}); }

void Http2Session::reset(StreamId id, Http2Error error) {
  if (SessionStream* stream = state_->find(id)) state_->reset(*stream, error);
}

void Http2Session::consume(StreamId id, std::size_t bytes) {
  SessionStream* stream = state_->find(id);
  if (stream == nullptr) return;
  bytes = std::min(bytes, stream->unconsumed);
  stream->unconsumed -= bytes;
  nghttp2_session_consume_stream(state_->session, id, bytes);
}

void Http2Session::await_body(StreamId id, bool awaits) {
  SessionStream* stream = state_->find(id);
  if (stream == nullptr || stream->request_ended) return;
  if (awaits) {
    state_->receiving.touch(*stream, state_->now);
  } else {
    state_->receiving.remove(*stream);
  }
}

std::size_t Http2Session::backlog(StreamId id) const noexcept {
  const SessionStream* stream = state_->find(id);
  return stream == nullptr ? 0 : stream->backlog();
}

void Http2Session::drain() { state_->drain(); }

void Http2Session::close(Http2Error error) { state_->terminate(error); }

std::size_t Http2Session::streams() const noexcept { return state_->pool.used(); }

}  // namespace pyserver
