// Http2Session: the server's side of one HTTP/2 connection, without its socket: bytes in, bytes out, time from outside.
//
// nghttp2 inside. Belongs to one thread. The way of a request:
//   receive() → Http2Connection::on_request() gives the stream to whoever answers it → Http2Exchange::on_data(),
//   on_end() → the answerer calls send_headers(), send_data()…, send_trailers() → produce() writes frames →
//   on_closed().
// Calls back only from receive(), receive_end(), produce(), tick() and the destructor.
//
// From within callbacks: everything under "Answers", drain() and close() may be called; they only queue, and call back
// nothing. receive(), receive_end(), produce(), tick() and the destructor must not be. on_closed() comes once, before
// the stream's slot is free for another; whatever is called for the stream in it or after it is ignored. Reset by the
// peer, it comes within receive(); reset() by the answerer, within the produce() that writes the reset.
// After receive(), tick() or anything sent, the owner calls produce() when its socket can take bytes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/clock.h"
#include "http2/header_list.h"
#include "http2/limits.h"
#include "http2/output_queue.h"
#include "memory/buffer_pool.h"

namespace pyserver {

using StreamId = std::int32_t;

// RFC 9113, section 7.
enum class Http2Error : std::uint32_t {
  kNoError = 0x0,
  kProtocolError = 0x1,
  kInternalError = 0x2,
  kFlowControlError = 0x3,
  kStreamClosed = 0x5,
  kRefusedStream = 0x7,
  kCancel = 0x8,
  kEnhanceYourCalm = 0xb,
};

// A piece of a body: a few bytes of prefix (gRPC's message prefix), then those of a buffer or of memory that is lent.
// Either may be empty.
struct BodyPiece {
  static constexpr std::size_t kMaxPrefix = 8;
  std::array<std::byte, kMaxPrefix> prefix{};
  std::uint8_t prefix_size = 0;
  Buffer buffer;
  // Where `owner` is set, in place of the buffer: bytes that it keeps as they are.
  std::span<const std::byte> lent;
  std::shared_ptr<const void> owner;

  std::span<const std::byte> bytes() const noexcept { return owner == nullptr ? buffer.bytes() : lent; }
  std::size_t size() const noexcept { return prefix_size + bytes().size(); }
};

// Whoever answers one stream.
class Http2Exchange {
 public:
  virtual ~Http2Exchange() = default;
  // Bytes of the request's body. They count against the windows until the answerer calls consume() for them.
  virtual void on_data(std::span<const std::byte> bytes) = 0;
  // The request is complete (END_STREAM, perhaps with trailers, which are of no use to anyone here).
  virtual void on_end() = 0;
  // What was to be sent has fallen to the low-water mark after it had been above the high-water mark (see
  // Http2Session::backlog()).
  virtual void on_drained() = 0;
  // The last call: the stream is gone. kNoError: it was answered to the end. `by_peer`: the peer reset it or is gone.
  virtual void on_closed(Http2Error error, bool by_peer) = 0;
};

// The owner of the session.
class Http2Connection {
 public:
  virtual ~Http2Connection() = default;
  // A request's header block is complete and follows HTTP/2's rules (pseudo-header fields are there and in order,
  // nothing forbidden). `headers` may be moved from. on_end() follows where the request has no body. Never nullptr.
  virtual std::unique_ptr<Http2Exchange> on_request(StreamId stream, HeaderList& headers) = 0;
};

class Http2Session {
 public:
  // How much of a body may wait to be sent before senders should pause, and when they may go on.
  static constexpr std::size_t kHighWater = 256 * 1024;
  static constexpr std::size_t kLowWater = 64 * 1024;

  // All must outlive the session. `request_memory` is looked at only to keep windows small while it is short.
  Http2Session(Http2Connection& connection, const Http2Limits& limits, Http2Counters& counters,
               const BufferPool& request_memory, Clock& clock);
  ~Http2Session();  // calls on_closed() for the streams that there are

  // Takes bytes from the peer; all of them, unless the session has ended (then the rest is dropped).
  void receive(std::span<const std::byte> bytes);
  // The peer will send nothing more (its side of the socket is closed). Answers that are complete go out; streams that
  // are not answered are closed, as by a peer that is gone.
  void receive_end();

  // Appends frames to `out` until it holds at least `enough` bytes or there is nothing to send.
  void produce(OutputQueue& out, std::size_t enough);
  // Whether produce() would append something; also true where it has only to find that there is nothing.
  bool wants_to_produce() const noexcept;
  // Nothing will come of it any more, in or out: the owner writes what its queue holds and closes. After a write
  // time-out of the connection the queue is of no use: the owner should give it little time (or none) to empty.
  bool ended() const noexcept;

  // Time-outs. The owner calls tick() at next_deadline() (kNever: none), or a little later. `unsent`: the owner's
  // OutputQueue holds bytes that the socket does not take, since when.
  TimePoint next_deadline() const noexcept;
  void tick(TimePoint now);
  // The socket took bytes: what write_timeout waits for. `pending`: bytes are left in the owner's queue.
  void wrote(std::size_t bytes, bool pending, TimePoint now) noexcept;

  // Answers. `fields` begin with ":status" and are copied. Each is ignored where the stream is gone.
  void send_headers(StreamId stream, std::span<const HeaderField> fields, bool end_stream);
  void send_data(StreamId stream, BodyPiece piece);
  // Ends the body; what is queued goes first.
  void send_trailers(StreamId stream, std::span<const HeaderField> fields);
  void end_body(StreamId stream);  // without trailers
  // RST_STREAM; nothing that is queued is sent. An answer that is complete before the request is: send it with
  // end_stream or trailers, then the session itself resets the stream with NO_ERROR when the answer is out, as
  // RFC 9113, 8.1 wants it.
  void reset(StreamId stream, Http2Error error);

  // Whether the peer owes more of the stream's body, so that body_timeout counts. So it is until send_headers(), and
  // not after: from then on it is a conversation, of which only the answerer knows whether it stopped within a word.
  void await_body(StreamId stream, bool awaits);

  // `bytes` of on_data() are taken: the peer may send as many more.
  void consume(StreamId stream, std::size_t bytes);
  // Bytes queued on the stream and not yet given to produce().
  std::size_t backlog(StreamId stream) const noexcept;

  // GOAWAY twice, a round trip apart (RFC 9113, 6.8): no new streams; those that there are go on; then ended().
  void drain();
  // GOAWAY now; ended() when it is produced. Streams are closed with kCancel.
  void close(Http2Error error);

  std::size_t streams() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pyserver
