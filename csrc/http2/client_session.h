// Http2ClientSession: the client's side of one HTTP/2 connection, without its socket: bytes in, bytes out.
//
// nghttp2 inside. Belongs to one thread. The way of a request:
//   open() → produce() asks the exchange for its body and writes frames → receive() → ClientExchange::on_field(),
//   on_data() → on_closed().
// Made for a load generator: nothing is allocated for a request but by nghttp2, header fields are prepared once, the
// windows are so wide that they never hold an answer back, and nobody is protected from a server that misbehaves.
//
// Calls back only from receive(), produce() and abandon(). From within callbacks resume() and reset() may be called,
// they only queue; open() may not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "http2/header_list.h"
#include "http2/output_queue.h"
#include "http2/session.h"

namespace pyserver {

// Whoever asks on one stream. Owned by the caller; must live until on_closed().
class ClientExchange {
 public:
  // What of the body can be sent now.
  struct Ready {
    std::size_t bytes = 0;
    bool last = true;  // nothing follows these bytes. False and no bytes: resume() tells when there are more.
  };

  virtual ~ClientExchange() = default;
  virtual Ready ready_body() = 0;
  // Appends the next `size` bytes, of those that were ready.
  virtual void take_body(OutputQueue& out, std::size_t size) = 0;
  // A header field or a trailer of the answer, ":status" among them.
  virtual void on_field(std::string_view name, std::string_view value) = 0;
  virtual void on_data(std::span<const std::byte> bytes) = 0;
  // The last call. kNoError: the answer is complete.
  virtual void on_closed(Http2Error error) = 0;
};

// The header fields of a request, in nghttp2's form; used for any number of requests of any number of sessions, which
// it must outlive. Immutable: thread-safe.
class Http2RequestHead {
 public:
  // Copies. Pseudo-header fields come first; names are lower case.
  explicit Http2RequestHead(std::span<const HeaderField> fields);
  ~Http2RequestHead();
  Http2RequestHead(const Http2RequestHead&) = delete;
  Http2RequestHead& operator=(const Http2RequestHead&) = delete;

 private:
  friend class Http2ClientSession;
  struct State;
  std::unique_ptr<State> state_;
};

class Http2ClientSession {
 public:
  Http2ClientSession();
  ~Http2ClientSession();  // calls nobody back

  // Begins a request. The stream's number; INTERNAL where the connection takes no more.
  Result<StreamId> open(const Http2RequestHead& head, ClientExchange& exchange);
  // The exchange, whose body had nothing ready, has something now.
  void resume(StreamId stream);
  // RST_STREAM; on_closed() comes from the produce() that writes it.
  void reset(StreamId stream, Http2Error error);

  // Takes bytes from the server. Not OK: it broke the protocol; nothing more can come of the connection.
  Status receive(std::span<const std::byte> bytes);
  // Appends frames to `out` until it holds at least `enough` bytes or there is nothing to send.
  void produce(OutputQueue& out, std::size_t enough);
  bool wants_to_produce() const noexcept;

  // The server's SETTINGS have come: it speaks HTTP/2, and max_streams() is its own.
  bool settled() const noexcept;
  // How many streams the server allows at once.
  std::size_t max_streams() const noexcept;
  // No new streams: the server said GOAWAY, or the numbers of streams are used up. Those that there are go on.
  bool going_away() const noexcept;
  // Nothing will come of it any more, in or out.
  bool ended() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pyserver
