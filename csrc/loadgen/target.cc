#include "loadgen/target.h"

#include <string_view>
#include <utility>

namespace pyserver::loadgen {
namespace {

// "::1" of "[::1]:8001".
std::string host_of(std::string_view address) {
  if (address.starts_with("unix")) return "localhost";
  std::string_view host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

}  // namespace

Result<LoadTarget> LoadTarget::at(std::string address, TransportProtocol protocol,
                                  std::optional<TlsClientOptions> tls) {
  Result<std::vector<SocketAddress>> addresses = resolve(address);
  if (!addresses.ok()) return std::move(addresses).status();
  LoadTarget target;
  target.protocol = protocol;
  target.authority = address.starts_with("unix") ? "localhost" : address;
  target.addresses = *std::move(addresses);
  if (tls) {
    if (tls->server_name.empty()) tls->server_name = host_of(address);
    tls->application_protocol = protocol == TransportProtocol::kHttp1 ? "http/1.1" : "h2";
    Result<std::shared_ptr<const TlsClientContext>> context = TlsClientContext::create(*tls);
    if (!context.ok()) return std::move(context).status();
    target.tls = *std::move(context);
  }
  target.text = std::move(address);
  return target;
}

LoadTarget LoadTarget::in_process(InferService& service, Protocol form) {
  LoadTarget target;
  target.protocol = TransportProtocol::kInProcess;
  target.text = "in process";
  target.service = &service;
  target.form = form;
  return target;
}

}  // namespace pyserver::loadgen
