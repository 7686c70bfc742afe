#include "loadgen/target.h"

#include <utility>

namespace pyserver::loadgen {

Result<LoadTarget> LoadTarget::at(std::string address, TransportProtocol protocol) {
  Result<std::vector<SocketAddress>> addresses = resolve(address);
  if (!addresses.ok()) return std::move(addresses).status();
  LoadTarget target;
  target.protocol = protocol;
  target.authority = address.starts_with("unix") ? "localhost" : address;
  target.text = std::move(address);
  target.addresses = *std::move(addresses);
  return target;
}

}  // namespace pyserver::loadgen
