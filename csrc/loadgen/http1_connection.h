// Http1Connection: POST requests over HTTP/1.1 (REST), one at a time, on a connection that is kept.
#pragma once

#include <string>
#include <vector>

#include "loadgen/http1_reader.h"
#include "loadgen/socket_connection.h"

namespace pyserver::loadgen {

// Of every request: all up to the value of the last field, Content-Length. JSON where the headers do not say otherwise.
std::string make_http1_head(const LoadTarget& target, const LoadRequests& requests);

class Http1Connection final : public SocketConnection {
 public:
  // `head` must outlive the connection.
  Http1Connection(const ConnectionScope& scope, const std::string& head) : SocketConnection(scope), head_(head) {}

  std::size_t room() const noexcept override {
    return open() && !busy_ && !closing_ && scope_.most_in_flight > 0 ? 1 : 0;
  }
  std::size_t in_flight() const noexcept override { return busy_ ? 1 : 0; }
  void begin(const Ticket& ticket, std::uint32_t body) override;
  void abandon() override;

 private:
  void on_connected() override;
  Status on_bytes(std::span<const std::byte> bytes) override;
  bool ends_well() override;
  void on_broken(std::string_view sentence) override;
  bool finished() const noexcept override { return closing_; }
  void produce(OutputQueue& out, std::size_t enough) override;
  Nanos next_timeout() const noexcept override;
  void time_out(Nanos now) override;
  // The response is complete.
  void tell();

  const std::string& head_;
  bool busy_ = false;     // a request is in flight
  bool closing_ = false;  // no other request fits on this connection
  Ticket ticket_;
  std::uint32_t body_ = 0;
  std::uint64_t begun_ = 0;
  bool head_sent_ = false;
  MessageCursor cursor_;
  Http1Reader reader_;
  std::size_t received_bytes_ = 0;
  std::vector<std::byte> kept_;  // of a body that is looked at
};

}  // namespace pyserver::loadgen
