#include "http2/client_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "base/text.h"
#include "http2/nghttp2_fields.h"

namespace pyserver {
namespace {

// Wide enough for anything that is in flight on one connection; WINDOW_UPDATEs become rare.
constexpr std::int32_t kWindow = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kFrameHead = 9;

ClientExchange* exchange_of(nghttp2_session* session, StreamId stream) {
  return static_cast<ClientExchange*>(nghttp2_session_get_stream_user_data(session, stream));
}

}  // namespace

struct Http2RequestHead::State {
  HeaderList fields;
  std::vector<nghttp2_nv> values;
};

Http2RequestHead::Http2RequestHead(std::span<const HeaderField> fields) : state_(std::make_unique<State>()) {
  for (const HeaderField& field : fields) state_->fields.add(field.name, field.value);
  for (std::size_t index = 0; index < state_->fields.size(); ++index) {
    state_->values.push_back(as_nv(state_->fields[index], kFieldNotCopied));
  }
}

Http2RequestHead::~Http2RequestHead() = default;

struct Http2ClientSession::State {
  State();
  ~State() { nghttp2_session_del(session); }

  static ssize_t next_body_frame(nghttp2_session*, std::int32_t stream, std::uint8_t*, std::size_t room,
                                 std::uint32_t* flags, nghttp2_data_source* source, void* self);
  static int send_body_frame(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head, std::size_t size,
                             nghttp2_data_source* source, void* self);
  void on_frame_received(const nghttp2_frame& frame);

  nghttp2_session* session = nullptr;
  OutputQueue* out = nullptr;  // during produce()
  bool settled = false;
  bool goaway_received = false;
  bool broken = false;
};

Http2ClientSession::State::State() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  const std::unique_ptr<nghttp2_session_callbacks, void (*)(nghttp2_session_callbacks*)> owner(
      callbacks, nghttp2_session_callbacks_del);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, send_body_frame);
  nghttp2_session_callbacks_set_on_header_callback2(
      callbacks, [](nghttp2_session* its_session, const nghttp2_frame* frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value,
                    std::uint8_t, void*) {
        ClientExchange* exchange = exchange_of(its_session, frame->hd.stream_id);
        if (exchange != nullptr) exchange->on_field(text_of(name), text_of(value));
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session* its_session, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                    std::size_t size, void*) {
        ClientExchange* exchange = exchange_of(its_session, stream);
        if (exchange != nullptr) exchange->on_data({reinterpret_cast<const std::byte*>(data), size});
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                       [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
                                                         static_cast<State*>(self)->on_frame_received(*frame);
                                                         return 0;
                                                       });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session* its_session, std::int32_t stream, std::uint32_t error, void*) {
        ClientExchange* exchange = exchange_of(its_session, stream);
        if (exchange == nullptr) return 0;
        nghttp2_session_set_stream_user_data(its_session, stream, nullptr);
        exchange->on_closed(static_cast<Http2Error>(error));
        return 0;
      });
  if (nghttp2_session_client_new(&session, callbacks, this) != 0) throw std::bad_alloc();
  constexpr std::array entries{
      nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(kWindow)},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kWindow);
}

ssize_t Http2ClientSession::State::next_body_frame(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t room,
                                                   std::uint32_t* flags, nghttp2_data_source* source, void*) {
  const ClientExchange::Ready ready = static_cast<ClientExchange*>(source->ptr)->ready_body();
  if (ready.bytes == 0 && !ready.last) return NGHTTP2_ERR_DEFERRED;
  const std::size_t size = std::min(room, ready.bytes);
  if (size > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (ready.last && size == ready.bytes) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(size);
}

int Http2ClientSession::State::send_body_frame(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head,
                                               std::size_t size, nghttp2_data_source* source, void* self) {
  OutputQueue& queue = *static_cast<State*>(self)->out;
  queue.append({reinterpret_cast<const std::byte*>(head), kFrameHead});
  static_cast<ClientExchange*>(source->ptr)->take_body(queue, size);
  return 0;
}

void Http2ClientSession::State::on_frame_received(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_SETTINGS && (frame.hd.flags & NGHTTP2_FLAG_ACK) == 0) settled = true;
  if (frame.hd.type == NGHTTP2_GOAWAY) goaway_received = true;
}

Http2ClientSession::Http2ClientSession() : state_(std::make_unique<State>()) {}

Http2ClientSession::~Http2ClientSession() = default;

Result<StreamId> Http2ClientSession::open(const Http2RequestHead& head, ClientExchange& exchange) {
  if (going_away()) return internal_error("the connection takes no more requests");
  nghttp2_data_provider body{};
  body.source.ptr = &exchange;
  body.read_callback = State::next_body_frame;
  const std::vector<nghttp2_nv>& fields = head.state_->values;
  const StreamId stream =
      nghttp2_submit_request(state_->session, nullptr, fields.data(), fields.size(), &body, &exchange);
  if (stream < 0) return internal_error(concat("no stream can be opened: ", std::string(nghttp2_strerror(stream))));
  return stream;
}

void Http2ClientSession::resume(StreamId stream) { nghttp2_session_resume_data(state_->session, stream); }

void Http2ClientSession::reset(StreamId stream, Http2Error error) {
  nghttp2_submit_rst_stream(state_->session, NGHTTP2_FLAG_NONE, stream, static_cast<std::uint32_t>(error));
}

Status Http2ClientSession::receive(std::span<const std::byte> bytes) {
  const ssize_t taken =
      nghttp2_session_mem_recv(state_->session, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) return {};
  state_->broken = true;
  return unavailable(
      concat("the server broke HTTP/2's rules: ", std::string(nghttp2_strerror(static_cast<int>(taken)))));
}

void Http2ClientSession::produce(OutputQueue& out, std::size_t enough) {
  State& state = *state_;
  state.out = &out;
  while (!state.broken && out.size() < enough) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(state.session, &data);
    if (size < 0) state.broken = true;
    if (size <= 0) break;
    out.append({reinterpret_cast<const std::byte*>(data), static_cast<std::size_t>(size)});
  }
  state.out = nullptr;
}

bool Http2ClientSession::wants_to_produce() const noexcept {
  return !state_->broken && nghttp2_session_want_write(state_->session) != 0;
}

bool Http2ClientSession::settled() const noexcept { return state_->settled; }

std::size_t Http2ClientSession::max_streams() const noexcept {
  return nghttp2_session_get_remote_settings(state_->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool Http2ClientSession::going_away() const noexcept {
  return state_->broken || state_->goaway_received || nghttp2_session_check_request_allowed(state_->session) == 0;
}

bool Http2ClientSession::ended() const noexcept {
  return state_->broken ||
         (nghttp2_session_want_write(state_->session) == 0 && nghttp2_session_want_read(state_->session) == 0);
}

}  // namespace pyserver
