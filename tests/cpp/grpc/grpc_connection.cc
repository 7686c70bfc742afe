#include "grpc/grpc_connection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "grpc/wire.h"

namespace pyserver {
namespace {

class LoggingReceiver final : public CallReceiver {
 public:
  LoggingReceiver(ReceiverLog& log, ServerCall& call) : log_(log) { log_.call = &call; }

  void on_message(ReceivedMessage message) override {
    log_.messages.push_back(text_of(message.bytes));
    log_.compressed.push_back(message.was_compressed);
    log_.on_message(message);
  }
  void on_half_close() override {
    log_.events.emplace_back("half-close");
    log_.on_half_close();
  }
  void on_writable() override {
    log_.events.emplace_back("writable");
    log_.on_writable();
  }
  void on_cancelled(CancelReason reason) override {
    log_.reason = reason;
    gone("cancelled");
  }
  void on_finished() override { gone("finished"); }

 private:
  void gone(const char* event) {
    log_.events.emplace_back(event);
    log_.call = nullptr;
  }
  ReceiverLog& log_;
};

nghttp2_nv field(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

std::unique_ptr<CallReceiver> TestRouter::route(ServerCall& call) {
  if (!knows(call.head().path)) return nullptr;
  on_route(call);
  return std::make_unique<LoggingReceiver>(log, call);
}

int ClientStream::status() const {
  const std::string text = trailer("grpc-status");
  return text.empty() ? -1 : std::stoi(text);
}

std::string ClientStream::find(const std::vector<std::pair<std::string, std::string>>& fields, std::string_view name) {
  const auto found = std::ranges::find_if(fields, [name](const auto& entry) { return entry.first == name; });
  return found == fields.end() ? std::string() : found->second;
}

GrpcConnection::GrpcConnection(GrpcLimits grpc_limits, BufferPoolLimits memory, ClientOptions client)
    : pool(BufferPool::create(allocator, memory)), limits(grpc_limits) {
  session_ = std::make_unique<Http2Session>(*this, http2_limits_, http2_counters_, *pool, clock);
  context_.reset(new CallContext{*session_, router, *pool, clock, limits, counters});

  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  set_callbacks(callbacks);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, client.reads ? 0 : 1);
  nghttp2_session_client_new2(&client_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, client.window};
  nghttp2_submit_settings(client_, NGHTTP2_FLAG_NONE, &window, client.window == 0 ? 0 : 1);
  exchange();
}

GrpcConnection::~GrpcConnection() {
  session_.reset();
  nghttp2_session_del(client_);
}

void GrpcConnection::set_callbacks(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                    const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
        ClientStream& stream = static_cast<GrpcConnection*>(self)->streams_[frame->hd.stream_id];
        (stream.header_frames == 0 ? stream.headers : stream.trailers)
            .emplace_back(std::string(reinterpret_cast<const char*>(name), name_size),
                          std::string(reinterpret_cast<const char*>(value), value_size));
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
        if (frame->hd.stream_id == 0) return 0;
        ClientStream& stream = static_cast<GrpcConnection*>(self)->streams_[frame->hd.stream_id];
        if (frame->hd.type == NGHTTP2_HEADERS) ++stream.header_frames;
        if (frame->hd.type <= NGHTTP2_HEADERS && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) stream.ended = true;
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks,
      [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void* self) {
        static_cast<GrpcConnection*>(self)->streams_[id].body.append(reinterpret_cast<const char*>(bytes), size);
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t error, void* self) {
        ClientStream& stream = static_cast<GrpcConnection*>(self)->streams_[id];
        stream.closed = true;
        stream.error = error;
        return 0;
      });
}

std::unique_ptr<Http2Exchange> GrpcConnection::on_request(StreamId stream, HeaderList& headers) {
  return begin_exchange(*context_, stream, headers);
}

GrpcConnection::Fields GrpcConnection::call_fields(std::string_view path, const Fields& more) {
  Fields fields = {{":method", "POST"},    {":scheme", "http"}, {":path", std::string(path)},
                   {":authority", "test"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

StreamId GrpcConnection::open(const Fields& fields, bool end_stream) {
  std::vector<nghttp2_nv> block;
  for (const auto& [name, value] : fields) block.push_back(field(name, value));
  nghttp2_data_provider provider{};
  provider.read_callback = [](nghttp2_session*, std::int32_t id, std::uint8_t* out, std::size_t room,
                              std::uint32_t* flags, nghttp2_data_source*, void* self) -> ssize_t {
    Outgoing& outgoing = static_cast<GrpcConnection*>(self)->outgoing_[id];
    if (outgoing.bytes.empty() && !outgoing.end_stream) return NGHTTP2_ERR_DEFERRED;
    const std::size_t count = std::min(room, outgoing.bytes.size());
    std::memcpy(out, outgoing.bytes.data(), count);
    outgoing.bytes.erase(0, count);
    if (outgoing.bytes.empty() && outgoing.end_stream) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(count);
  };
  const StreamId id =
      nghttp2_submit_request(client_, nullptr, block.data(), block.size(), end_stream ? nullptr : &provider, nullptr);
  EXPECT_GT(id, 0);
  streams_[id];
  return id;
}

void GrpcConnection::send(StreamId stream, std::string_view bytes, bool end_stream) {
  Outgoing& outgoing = outgoing_[stream];
  outgoing.bytes.append(bytes);
  outgoing.end_stream = end_stream;
  nghttp2_session_resume_data(client_, stream);  // fails where it was not waiting, which is no harm
}

void GrpcConnection::cancel(StreamId stream) {
  nghttp2_submit_rst_stream(client_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
}

void GrpcConnection::read(StreamId stream, std::size_t bytes) { nghttp2_session_consume(client_, stream, bytes); }

void GrpcConnection::exchange() {
  bool moved = true;
  while (moved) {
    moved = false;
    const std::uint8_t* bytes = nullptr;
    for (ssize_t size = 0; (size = nghttp2_session_mem_send(client_, &bytes)) > 0;) {
      session_->receive(std::as_bytes(std::span(bytes, static_cast<std::size_t>(size))));
      moved = true;
    }
    OutputQueue out;
    session_->produce(out, 1 << 20);
    while (!out.empty()) {
      std::array<iovec, 16> pieces;
      const std::size_t count = out.front(pieces);
      for (const iovec& piece : std::span(pieces).first(count)) {
        ASSERT_GE(nghttp2_session_mem_recv(client_, static_cast<const std::uint8_t*>(piece.iov_base), piece.iov_len),
                  0);
        out.drop(piece.iov_len);
      }
      moved = true;
    }
  }
}

ClientStream& GrpcConnection::unary(std::string_view message, const Fields& more) {
  const StreamId id = open(call_fields(TestRouter::kKnown, more));
  send(id, framed(message), true);
  exchange();
  return streams_[id];
}

std::int32_t GrpcConnection::window_left(StreamId stream) const {
  return nghttp2_session_get_stream_remote_window_size(client_, stream);
}

}  // namespace pyserver
