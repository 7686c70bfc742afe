// Whatever header fields and body a request has: the gRPC layer keeps its memory, tells a receiver the end of its call
// exactly once, and never gives it more than the limits allow.
#include "cpp/support/fake_clock.h"
#include "fuzz/agreement.h"
#include "grpc/server_call.h"

namespace pyserver::fuzz {
namespace {

constexpr GrpcLimits kLimits{.max_receive_message_bytes = 1 << 16, .max_send_message_bytes = 1 << 16};

class Echo final : public CallReceiver {
 public:
  explicit Echo(ServerCall& call) : call_(&call) {
    (void)call.head().metadata();
    call.set_compression(Compression::kGzip);
  }

  void on_message(ReceivedMessage message) override {
    require(call_ != nullptr && !half_closed_, "messages come before the end");
    require(message.bytes.size() <= kLimits.max_receive_message_bytes, "a message is within the limit");
    const std::size_t size = message.bytes.size();
    (void)call_->send_message(std::move(message.bytes));
    call_->taken(size);
  }
  void on_half_close() override {
    require(call_ != nullptr && !half_closed_, "the half-close comes once");
    half_closed_ = true;
    call_->finish({});
  }
  void on_writable() override { require(call_ != nullptr, "writable while the call is there"); }
  void on_cancelled(CancelReason) override { forget(); }
  void on_finished() override { forget(); }

 private:
  void forget() {
    require(call_ != nullptr, "the end is told once");
    call_ = nullptr;
  }

  ServerCall* call_;
  bool half_closed_ = false;
};

class Router final : public CallRouter {
 public:
  std::unique_ptr<CallReceiver> route(ServerCall& call) override {
    return call.head().path == "/none" ? nullptr : std::make_unique<Echo>(call);
  }
  bool knows(std::string_view path) const override { return path == "/a/b"; }
};

class NoRequests final : public Http2Connection {
 public:
  std::unique_ptr<Http2Exchange> on_request(StreamId, HeaderList&) override { disagree("nobody sends requests here"); }
};

std::string_view take_until(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

// "name value\n" for each header field, an empty line, one byte for the size of pieces, then the body.
int run(std::string_view input) {
  static HostAllocator allocator;
  static const std::shared_ptr<BufferPool> pool = BufferPool::create(allocator);
  FakeClock clock;
  Http2Limits limits;
  Http2Counters http2_counters;
  GrpcCounters counters;
  NoRequests connection;
  Router router;
  Http2Session session(connection, limits, http2_counters, *pool, clock);
  CallContext context{session, router, *pool, clock, kLimits, counters};

  HeaderList headers;
  while (!input.empty()) {
    std::string_view line = take_until(input, '\n');
    if (line.empty()) break;
    const std::string_view name = take_until(line, ' ');
    headers.add(name, line);
  }
  const std::unique_ptr<Http2Exchange> exchange = begin_exchange(context, 1, headers);
  require(exchange != nullptr, "every request gets an exchange");
  std::size_t at_once = 1;
  if (!input.empty()) {
    at_once += static_cast<unsigned char>(input.front());
    input.remove_prefix(1);
  }
  while (!input.empty()) {
    const std::string_view piece = input.substr(0, at_once);
    exchange->on_data(std::as_bytes(std::span(piece)));
    input.remove_prefix(piece.size());
  }
  if (at_once % 2 == 0) exchange->on_end();
  exchange->on_closed(Http2Error::kCancel, true);
  return 0;
}

}  // namespace
}  // namespace pyserver::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pyserver::fuzz::run({reinterpret_cast<const char*>(data), size});
}
