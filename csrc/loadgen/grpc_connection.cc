#include "loadgen/grpc_connection.h"

#include <vector>

namespace pyserver::loadgen {

std::unique_ptr<Http2RequestHead> make_grpc_head(const LoadTarget& target, const LoadRequests& requests) {
  std::vector<HeaderField> fields{{":method", "POST"},
                                  {":scheme", target.tls != nullptr ? "https" : "http"},
                                  {":path", requests.options().path},
                                  {":authority", target.authority},
                                  {"content-type", "application/grpc"},
                                  {"te", "trailers"},
                                  {"user-agent", "pyserver-bench"}};
  for (const auto& [name, value] : requests.options().headers) fields.push_back({name, value});
  return std::make_unique<Http2RequestHead>(fields);
}

void GrpcConnection::on_connected() { session_.emplace(); }

Status GrpcConnection::on_bytes(std::span<const std::byte> bytes) {
  PYSERVER_RETURN_IF_ERROR(session_->receive(bytes));
  if (!open() && session_->settled()) {
    opened();
    on_settled();
  }
  return {};
}

void GrpcConnection::on_broken(std::string_view sentence) {
  fail_all(sentence);
  session_.reset();
}

bool GrpcConnection::finished() const noexcept { return session_->ended() || (session_->going_away() && idle()); }

void GrpcConnection::produce(OutputQueue& out, std::size_t enough) { session_->produce(out, enough); }

}  // namespace pyserver::loadgen
