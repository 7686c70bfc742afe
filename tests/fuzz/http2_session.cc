// Whatever bytes a client sends in whatever pieces: the session keeps its memory and its promises: every request is
// closed exactly once, windows never run dry for what was consumed, and an ended session stays ended.
#include "http2/session.h"

#include <array>
#include <map>

#include "cpp/support/fake_clock.h"
#include "fuzz/agreement.h"

namespace pyserver::fuzz {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::array<HeaderField, 2> kHeaders = {{{":status", "200"}, {"content-type", "application/grpc"}}};
constexpr std::array<HeaderField, 1> kTrailers = {{{"grpc-status", "0"}}};

// Answers what it is sent, with as much as it is sent.
class Echo final : public Http2Exchange {
 public:
  Echo(Http2Session& session, StreamId stream, BufferPool& pool, int& open)
      : session_(session), stream_(stream), pool_(pool), open_(open) {
    ++open_;
  }
  ~Echo() override { require(closed_, "an exchange is told that it is closed"); }

  void on_data(std::span<const std::byte> bytes) override {
    require(!closed_ && !ended_, "data comes before the end");
    received_ += bytes.size();
    session_.consume(stream_, bytes.size());
  }
  void on_end() override {
    require(!closed_ && !ended_, "the end comes once");
    ended_ = true;
    session_.send_headers(stream_, kHeaders, false);
    if (Result<Buffer> buffer = pool_.take(received_ + 1); buffer.ok()) {
      std::fill_n(buffer->data(), buffer->size(), std::byte{'x'});
      BodyPiece piece;
      piece.prefix_size = 5;
      piece.buffer = *std::move(buffer);
      session_.send_data(stream_, std::move(piece));
    }
    session_.send_trailers(stream_, kTrailers);
  }
  void on_drained() override { require(!closed_, "drained before closed"); }
  void on_closed(Http2Error, bool) override {
    require(!closed_, "closed once");
    closed_ = true;
    --open_;
  }

 private:
  Http2Session& session_;
  const StreamId stream_;
  BufferPool& pool_;
  int& open_;
  std::size_t received_ = 0;
  bool ended_ = false;
  bool closed_ = false;
};

class Owner final : public Http2Connection {
 public:
  explicit Owner(BufferPool& pool) : pool_(pool) {}
  void set_session(Http2Session& session) { session_ = &session; }
  std::unique_ptr<Http2Exchange> on_request(StreamId stream, HeaderList& headers) override {
    require(stream % 2 == 1, "clients' streams are odd");
    require(!headers.find(":method").empty(), "a request has a method");
    return std::make_unique<Echo>(*session_, stream, pool_, open);
  }
  int open = 0;

 private:
  BufferPool& pool_;
  Http2Session* session_ = nullptr;
};

void send_all(Http2Session& session, FakeClock& clock) {
  OutputQueue out;
  session.produce(out, 64 * 1024);
  const std::size_t size = out.size();
  std::array<iovec, 16> pieces;
  while (!out.empty()) {
    std::size_t bytes = 0;
    const std::size_t count = out.front(pieces);
    for (std::size_t index = 0; index < count; ++index) bytes += pieces[index].iov_len;
    require(bytes > 0, "pieces of a queue that is not empty");
    out.drop(bytes);
  }
  session.wrote(size, false, clock.now());
}

// The first byte says how much is received at once and whether the client's preface is given; the rest is the client's.
int run(std::span<const std::byte> input) {
  if (input.empty()) return 0;
  static HostAllocator allocator;
  static const std::shared_ptr<BufferPool> pool = BufferPool::create(allocator);
  const auto control = std::to_integer<unsigned>(input.front());
  input = input.subspan(1);
  const std::size_t at_once = std::size_t{1} << (control & 15);
  FakeClock clock;
  Http2Limits limits;
  Http2Counters counters;
  Owner owner(*pool);
  {
    Http2Session session(owner, limits, counters, *pool, clock);
    owner.set_session(session);
    if ((control & 16) != 0) session.receive(std::as_bytes(std::span(kPreface)));
    while (!input.empty()) {
      const std::size_t size = std::min(at_once, input.size());
      session.receive(input.first(size));
      input = input.subspan(size);
      send_all(session, clock);
      if ((control & 32) != 0) {
        clock.advance(std::chrono::milliseconds(10));
        if (session.next_deadline() <= clock.now()) session.tick(clock.now());
      }
    }
    if ((control & 64) != 0) session.drain();
    if ((control & 128) != 0) session.receive_end();
    send_all(session, clock);
    require(static_cast<std::size_t>(owner.open) <= limits.max_concurrent_streams, "open streams are bounded");
  }
  require(owner.open == 0, "every exchange is closed when the session is gone");
  return 0;
}

}  // namespace
}  // namespace pyserver::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pyserver::fuzz::run({reinterpret_cast<const std::byte*>(data), size});
}
