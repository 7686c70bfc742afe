#include "http2/client_peer.h"

#include <algorithm>
#include <cstring>

namespace pyserver::test {
namespace {

std::vector<nghttp2_nv> as_nv(const ClientPeer::Fields& fields) {
  std::vector<nghttp2_nv> all;
  for (const auto& [name, value] : fields) {
    all.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                   reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
                   NGHTTP2_NV_FLAG_NONE});
  }
  return all;
}

}  // namespace

ClientPeer::ClientPeer(std::uint32_t window, bool opens_windows) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                    const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
        SeenAnswer& answer = static_cast<ClientPeer*>(self)->answers[frame->hd.stream_id];
        auto& to = frame->headers.cat == NGHTTP2_HCAT_RESPONSE ? answer.headers : answer.trailers;
        to.emplace(std::string(reinterpret_cast<const char*>(name), name_size),
                   std::string(reinterpret_cast<const char*>(value), value_size));
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks,
      [](nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data, std::size_t size, void* self) {
        static_cast<ClientPeer*>(self)->answers[stream].body.append(reinterpret_cast<const char*>(data), size);
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                       [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
                                                         return static_cast<ClientPeer*>(self)->on_frame(*frame);
                                                       });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session*, std::int32_t stream, std::uint32_t, void* self) {
        static_cast<ClientPeer*>(self)->answers[stream].closed = true;
        return 0;
      });
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, opens_windows ? 0 : 1);
  nghttp2_option_set_peer_max_concurrent_streams(option, 100'000);
  nghttp2_session_client_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &entry, 1);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, 1 << 30);
}

ClientPeer::Fields ClientPeer::request_fields(const std::string& path) {
  return {{":method", "POST"},         {":scheme", "http"}, {":path", path},
          {":authority", "localhost"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
}

int ClientPeer::on_frame(const nghttp2_frame& frame) {
  const bool ack = (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_DATA: ++answers[frame.hd.stream_id].data_frames; [[fallthrough]];
    case NGHTTP2_HEADERS:
      if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) answers[frame.hd.stream_id].ended = true;
      break;
    case NGHTTP2_RST_STREAM: answers[frame.hd.stream_id].reset = frame.rst_stream.error_code; break;
    case NGHTTP2_PING: ++(ack ? pings_acknowledged : pings_received); break;
    case NGHTTP2_WINDOW_UPDATE: ++window_updates; break;
    case NGHTTP2_GOAWAY:
      goaway = frame.goaway.error_code;
      goaway_last_streams.push_back(frame.goaway.last_stream_id);
      break;
    default: break;
  }
  return 0;
}

ssize_t ClientPeer::read_body(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t size, std::uint32_t* flags,
                              nghttp2_data_source* source, void*) {
  Body& body = *static_cast<Body*>(source->ptr);
  const std::size_t taken = std::min(size, body.bytes.size() - body.at);
  std::memcpy(to, body.bytes.data() + body.at, taken);
  body.at += taken;
  if (body.at == body.bytes.size()) {
    if (!body.open)
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    else if (taken == 0)
      return NGHTTP2_ERR_DEFERRED;
  }
  return static_cast<ssize_t>(taken);
}

StreamId ClientPeer::request(std::string bytes, bool open, const Fields& fields) {
  const auto stream = static_cast<StreamId>(nghttp2_session_get_next_stream_id(session_));
  Body& body = bodies_[stream];
  body.bytes = std::move(bytes);
  body.open = open;
  nghttp2_data_provider provider{};
  provider.source.ptr = &body;
  provider.read_callback = &read_body;
  const bool has_body = open || !body.bytes.empty();
  const auto nv = as_nv(fields);
  return nghttp2_submit_request(session_, nullptr, nv.data(), nv.size(), has_body ? &provider : nullptr, nullptr);
}

void ClientPeer::send(StreamId stream, std::string_view bytes, bool end) {
  Body& body = bodies_[stream];
  body.bytes.append(bytes);
  body.open = !end;
  nghttp2_session_resume_data(session_, stream);
}

void ClientPeer::reset(StreamId stream, std::uint32_t error) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, error);
}

void ClientPeer::ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }

void ClientPeer::go_away() { nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, nullptr, 0); }

std::string ClientPeer::produce() {
  std::string bytes;
  for (;;) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size <= 0) return bytes;
    bytes.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
}

void ClientPeer::receive(std::string_view bytes) {
  nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

void ClientPeer::talk(ServerSide& server) {
  for (;;) {
    const std::string to_server = produce();
    if (!to_server.empty()) server.session->receive(bytes_of(to_server));
    const std::string to_client = server.produce();
    receive(to_client);
    if (to_server.empty() && to_client.empty()) return;
  }
}

}  // namespace pyserver::test
