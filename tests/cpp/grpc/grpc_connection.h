// GrpcConnection: a server's Http2Session with begin_exchange() on it, and nghttp2's client as its peer, in memory.
//
// Nothing moves but in exchange(), which carries bytes both ways until neither side has any.
#pragma once

#include <nghttp2/nghttp2.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "grpc/server_call.h"
#include "memory/allocator.h"
#include "support/fake_clock.h"

namespace pyserver {

// What a test sees of a receiver, and what it does in its callbacks.
struct ReceiverLog {
  ServerCall* call = nullptr;  // nullptr once the call is gone
  std::vector<std::string> messages;
  std::vector<bool> compressed;
  std::vector<std::string> events;  // "half-close", "writable", "cancelled", "finished"
  CancelReason reason{};
  std::function<void(ReceivedMessage&)> on_message = [](ReceivedMessage&) {};
  std::function<void()> on_half_close = [] {};
  std::function<void()> on_writable = [] {};
};

class TestRouter final : public CallRouter {
 public:
  std::unique_ptr<CallReceiver> route(ServerCall& call) override;
  bool knows(std::string_view path) const override { return path == kKnown; }

  static constexpr std::string_view kKnown = "/test.Service/Known";
  ReceiverLog log;
  // Called with each call, before its first message.
  std::function<void(ServerCall&)> on_route = [](ServerCall&) {};
};

// What the client has of one stream.
struct ClientStream {
  std::vector<std::pair<std::string, std::string>> headers, trailers;
  std::string body;
  bool ended = false;   // END_STREAM came
  bool closed = false;  // the stream is gone
  std::uint32_t error = 0;
  int header_frames = 0;

  std::string header(std::string_view name) const { return find(headers, name); }
  // Of the trailers, or of the headers where the answer is Trailers-Only.
  std::string trailer(std::string_view name) const { return find(trailers.empty() ? headers : trailers, name); }
  int status() const;  // grpc-status; -1 where there is none
  std::string message() const { return percent_decode(trailer("grpc-message")); }

 private:
  static std::string find(const std::vector<std::pair<std::string, std::string>>& fields, std::string_view name);
};

struct ClientOptions {
  std::uint32_t window = 0;  // 0: nghttp2's own; it opens windows by itself either way, unless paused
  bool reads = true;         // false: windows stay as they are
};

class GrpcConnection final : public Http2Connection {
 public:
  explicit GrpcConnection(GrpcLimits limits = {}, BufferPoolLimits memory = {}, ClientOptions client = {});
  ~GrpcConnection() override;

  using Fields = std::vector<std::pair<std::string, std::string>>;
  // Fields of a call to `path`, with more behind them.
  static Fields call_fields(std::string_view path = TestRouter::kKnown, const Fields& more = {});
  StreamId open(const Fields& fields, bool end_stream = false);
  void send(StreamId stream, std::string_view bytes, bool end_stream = false);
  void cancel(StreamId stream);
  // The client reads what it has not read, and goes on.
  void read(StreamId stream, std::size_t bytes);
  void exchange();
  // open(), send() of one message, exchange().
  ClientStream& unary(std::string_view message, const Fields& more = {});

  ClientStream& stream(StreamId id) { return streams_[id]; }
  // What the client may still send on the stream.
  std::int32_t window_left(StreamId stream) const;
  void close_session() { session_.reset(); }
  Http2Session& session() { return *session_; }

  FakeClock clock;
  HostAllocator allocator;
  std::shared_ptr<BufferPool> pool;
  GrpcLimits limits;
  GrpcCounters counters;
  TestRouter router;

 private:
  struct Outgoing {
    std::string bytes;
    bool end_stream = false;
  };

  std::unique_ptr<Http2Exchange> on_request(StreamId stream, HeaderList& headers) override;
  void set_callbacks(nghttp2_session_callbacks* callbacks);

  Http2Limits http2_limits_;
  Http2Counters http2_counters_;
  std::unique_ptr<Http2Session> session_;
  std::unique_ptr<CallContext> context_;
  nghttp2_session* client_ = nullptr;
  std::map<StreamId, ClientStream> streams_;
  std::map<StreamId, Outgoing> outgoing_;
};

}  // namespace pyserver
