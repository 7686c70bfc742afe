// GrpcConnection: what unary calls and streams have in common: an HTTP/2 session over a socket, and its end.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>

#include "http2/client_session.h"
#include "loadgen/socket_connection.h"

namespace pyserver::loadgen {

// The header fields of every call. An authority that is empty is the target's.
std::unique_ptr<Http2RequestHead> make_grpc_head(const LoadTarget& target, const LoadRequests& requests);

class GrpcConnection : public SocketConnection {
 public:
  // `head` must outlive the connection.
  GrpcConnection(const ConnectionScope& scope, const Http2RequestHead& head) : SocketConnection(scope), head_(head) {}

 protected:
  // Another call fits on the connection beside `calls`.
  bool takes_calls() const noexcept { return open() && !session_->going_away(); }
  std::size_t max_calls() const noexcept { return std::min(scope_.most_in_flight, session_->max_streams()); }
  // Requests can be sent: what the derived class needs before.
  virtual void on_settled() {}
  // Fails all calls. The session is still there, but nothing may be sent.
  virtual void fail_all(std::string_view sentence) = 0;
  virtual bool idle() const noexcept = 0;

  // While connected.
  Http2ClientSession& session() noexcept { return *session_; }
  const Http2RequestHead& head() const noexcept { return head_; }

 private:
  void on_connected() final;
  Status on_bytes(std::span<const std::byte> bytes) final;
  bool ends_well() final { return idle(); }
  void on_broken(std::string_view sentence) final;
  bool finished() const noexcept final;
  void produce(OutputQueue& out, std::size_t enough) final;

  const Http2RequestHead& head_;
  std::optional<Http2ClientSession> session_;
};

}  // namespace pyserver::loadgen
