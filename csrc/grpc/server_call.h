// ServerCall: one gRPC call on its HTTP/2 stream, from the header block to the trailers.
//
// Belongs to its session's thread. Owned by the session, destroyed when the stream is gone. Three parties:
//   MethodTable    knows who answers a path
//   CallReceiver   answers one call: is told what comes in
//   ServerCall     checks the protocol, frames and compresses; is told what goes out
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "grpc/compression.h"
#include "grpc/message_reader.h"
#include "grpc/metadata.h"
#include "http2/session.h"
#include "memory/message.h"

namespace pyserver {

class ServerCall;

// Why a call ended that we did not finish.
enum class CancelReason {
  kByPeer,          // it reset the stream, stopped reading or sending, or its connection is gone
  kProtocolError,   // what it sent cannot be taken
  kServerStopping,  // we close the connection
};

// Whoever answers one call. Owned by the ServerCall.
class CallReceiver {
 public:
  virtual ~CallReceiver() = default;
  // One message of the request. Who reads slowly slows the peer: windows open while a message is being received, but
  // not while more than kUntakenLimit bytes of complete messages wait for ServerCall::taken().
  virtual void on_message(ReceivedMessage message) = 0;
  // The peer sends no more messages. (Not called where the call is finished by then.)
  virtual void on_half_close() = 0;
  // The outgoing backlog has fallen to the low-water mark.
  virtual void on_writable() = 0;
  // The call is gone before all of its answer was on its way. The receiver must forget the ServerCall. Comes at once
  // where the ServerCall itself ends the call, as what the peer sends is malformed, too large, or has no room
  // (kProtocolError; the peer gets the status).
  virtual void on_cancelled(CancelReason reason) = 0;
  // The call was finished, and its last byte is produced. The receiver must forget the ServerCall.
  virtual void on_finished() = 0;
};

// What a call began with.
struct CallHead {
  std::string path;  // "/package.Service/Method"
  TimePoint received;
  TimePoint deadline = kNever;
  Compression request_encoding = Compression::kIdentity;
  // What follows is read from here on demand: most calls need none of it.
  HeaderList headers;

  std::string_view accepted_encodings() const noexcept { return headers.find("grpc-accept-encoding"); }
  std::string_view authority() const noexcept { return headers.find(":authority"); }
  std::string_view user_agent() const noexcept { return headers.find("user-agent"); }
  Result<Metadata> metadata() const { return read_metadata(headers); }
};

// Finds who answers. Thread-safe once serving has begun.
class CallRouter {
 public:
  virtual ~CallRouter() = default;
  // nullptr: UNIMPLEMENTED. `call` lives as long as the receiver.
  virtual std::unique_ptr<CallReceiver> route(ServerCall& call) = 0;
  // Whether anything answers this path: for HTTP requests that are not gRPC, 404 or 415.
  virtual bool knows(std::string_view path) const = 0;
};

struct GrpcLimits {
  std::size_t max_receive_message_bytes = std::size_t{128} << 20;
  std::size_t max_send_message_bytes = std::size_t{2} << 30;
};

struct GrpcCounters {
  // Every request that is gRPC is started; it ends as one of the other two: finished (the whole answer, of whatever
  // status, is out) or cancelled.
  Counter calls_started, calls_finished, calls_cancelled;
  Counter messages_received, messages_sent;
  Counter refused_http_requests;  // not gRPC: 404, 405, 415
  Counter malformed_calls;        // bad grpc-timeout, base64, encoding, framing
  Counter messages_too_large;
  Counter out_of_memory;  // refused because the pool of request memory is full
};

// What all calls of a connection share. Must outlive them.
struct CallContext {
  Http2Session& session;
  CallRouter& router;
  BufferPool& pool;
  Clock& clock;
  const GrpcLimits& limits;
  GrpcCounters& counters;
};

// What Http2Connection::on_request() returns; the stream may fail here, never the connection. In this order:
//   not POST                               HTTP 405 with "allow: POST"
//   content-type is not gRPC's             HTTP 415 where the router knows the path, else 404, with a short text
//   bad grpc-timeout                       INTERNAL
//   metadata "…-bin" that is not base64    INTERNAL
//   unknown grpc-encoding                  UNIMPLEMENTED, with grpc-accept-encoding
//   path longer than kMaxPathBytes         RESOURCE_EXHAUSTED
//   path not of the form /service/method   UNIMPLEMENTED
//   the deadline has passed                DEADLINE_EXCEEDED
//   no one answers the path                UNIMPLEMENTED
// All but the HTTP answers are Trailers-Only. A te other than "trailers" does not come as far as here, HTTP/2 forbids
// it; a missing one is let pass, as grpc-go and grpc-java do, since proxies lose it (gRPC core would refuse). What the
// peer still sends after any of them is taken and dropped.
inline constexpr std::size_t kMaxPathBytes = 8 * 1024;
std::unique_ptr<Http2Exchange> begin_exchange(CallContext& context, StreamId stream, HeaderList& headers);

class ServerCall final : public Http2Exchange {
 public:
  static constexpr std::size_t kUntakenLimit = 256 * 1024;
  static constexpr std::size_t kMaxDetailsBytes = 16 * 1024;

  ServerCall(CallContext& context, StreamId stream, CallHead head);
  ~ServerCall() override;

  const CallHead& head() const noexcept { return head_; }

  // Sends the response's headers at once, with these entries, which must have passed check_metadata(). Ignored after
  // the first message: without it, the headers go with the first message or finish().
  void send_initial_metadata(const Metadata& metadata);
  // How messages are compressed from here on; ignored (identity) where the peer does not accept it. Before the initial
  // metadata is sent.
  void set_compression(Compression compression);
  // RESOURCE_EXHAUSTED (and the call is finished with it) where it is larger than allowed. `compress` false: this one
  // goes as it is.
  Status send_message(Message message, bool compress = true);
  // Ends the call: Trailers-Only where nothing was sent before. `details`: for grpc-status-details-bin, may be empty;
  // more than kMaxDetailsBytes are left out (no client would take the header block) and the message says so.
  // Later calls of anything here are ignored.
  void finish(const Status& status, const Metadata& trailing = {}, std::string_view details = {});

  // The receiver is done with a message of that many bytes (those of ReceivedMessage::bytes).
  void taken(std::size_t bytes);
  // Bytes that wait to be sent.
  std::size_t backlog() const noexcept;
  bool finished() const noexcept { return finished_; }

 private:
  void on_data(std::span<const std::byte> bytes) override;
  void on_end() override;
  void on_drained() override;
  void on_closed(Http2Error error, bool by_peer) override;

  friend std::unique_ptr<Http2Exchange> begin_exchange(CallContext& context, StreamId stream, HeaderList& headers);
  // Lets the router find who answers, or finishes with UNIMPLEMENTED.
  void begin();
  bool receiving() const noexcept { return receiver_ != nullptr && !finished_; }
  void deliver(ReceivedMessage message);
  void send_headers_once(const Metadata& metadata);
  // `message` in the call's encoding; false where it stays as it is.
  bool compress(Message& message);
  void send_framed(Message message, bool compressed);
  void fail_reading(const Status& status);
  void fail(const Status& status);
  void consume_withheld();

  CallContext& context_;
  const StreamId stream_;
  CallHead head_;
  MessageReader reader_;
  Compression compression_ = Compression::kIdentity;
  bool headers_sent_ = false;
  bool finished_ = false;
  bool receiver_told_ = false;  // that the call is gone
  std::size_t untaken_ = 0;     // bytes of messages that the receiver has and has not taken
  std::size_t withheld_ = 0;    // received bytes for which the peer gets no credit yet
  std::unique_ptr<CallReceiver> receiver_;
};

}  // namespace pyserver
