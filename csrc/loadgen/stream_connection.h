// StreamConnection: one bidirectional gRPC stream, which carries all requests of its connection. Answers name their
// requests, or come in order (LoadRequests::Options::id_reader).
//
// When the server ends the stream, the requests in flight fail with what it says, and the next one begins a new stream.
#pragma once

#include "loadgen/grpc_answer.h"
#include "loadgen/grpc_connection.h"
#include "loadgen/message_assembler.h"
#include "loadgen/timed_calls.h"

namespace pyserver::loadgen {

class StreamConnection final : public GrpcConnection, private ClientExchange {
 public:
  using GrpcConnection::GrpcConnection;

  std::size_t room() const noexcept override;
  std::size_t in_flight() const noexcept override { return calls_.size(); }
  void begin(const Ticket& ticket, std::uint32_t body) override;
  void abandon() override;

 private:
  struct Call : TimedCalls<Call>::Links {
    std::uint32_t body = 0;
    MessageCursor cursor;
  };

  Ready ready_body() override;
  void take_body(OutputQueue& out, std::size_t size) override;
  void on_field(std::string_view name, std::string_view value) override { answer_.take_field(name, value); }
  void on_data(std::span<const std::byte> bytes) override;
  void on_closed(Http2Error error) override;

  void fail_all(std::string_view sentence) override { fail_all(ErrorKind::connection(), sentence); }
  bool idle() const noexcept override { return calls_.size() == 0; }
  Nanos next_timeout() const noexcept override { return calls_.next_timeout(); }
  void time_out(Nanos now) override;

  void fail_all(ErrorKind kind, std::string_view sentence);
  void take_answer(std::span<const std::byte> message);
  // Whom an answer is for; nullptr where it names nobody.
  Call* asked(std::string_view id) const noexcept;

  StreamId stream_ = 0;    // 0: none is open
  bool deferred_ = false;  // the session waits to be told of more
  GrpcAnswer answer_;
  MessageAssembler messages_;
  TimedCalls<Call> calls_{scope_.plan.timeout};
  Call* sending_ = nullptr;  // the first whose message is not sent to its end; all after it are not, either
  std::size_t unsent_bytes_ = 0;
};

}  // namespace pyserver::loadgen
