// UnaryConnection: unary gRPC calls, many at once, each on a stream of its own.
#pragma once

#include "loadgen/grpc_answer.h"
#include "loadgen/grpc_connection.h"
#include "loadgen/message_assembler.h"
#include "loadgen/timed_calls.h"

namespace pyserver::loadgen {

class UnaryConnection final : public GrpcConnection {
 public:
  UnaryConnection(const ConnectionScope& scope, const Http2RequestHead& head);
  ~UnaryConnection() override;

  std::size_t room() const noexcept override;
  std::size_t in_flight() const noexcept override { return calls_.size(); }
  void begin(const Ticket& ticket, std::uint32_t body) override;
  void abandon() override;

 private:
  class Call;

  void fail_all(std::string_view sentence) override;
  bool idle() const noexcept override { return calls_.size() == 0; }
  Nanos next_timeout() const noexcept override;
  void time_out(Nanos now) override;
  // How the call ended, unless that was told before.
  void tell(Call& call, Http2Error closed);

  TimedCalls<Call> calls_;
  std::uint64_t begun_ = 0;
};

}  // namespace pyserver::loadgen
