// LoadTarget: whom the load is for. Immutable; shared by all threads of a run.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "net/address.h"
#include "net/tls_client.h"
#include "server/infer_service.h"

namespace pyserver::loadgen {

enum class TransportProtocol { kGrpc, kHttp1, kInProcess };

struct LoadTarget {
  TransportProtocol protocol = TransportProtocol::kGrpc;
  std::string text;       // as it was given, for sentences
  std::string authority;  // the server's name in requests
  std::vector<SocketAddress> addresses;
  std::shared_ptr<const TlsClientContext> tls;  // null: none
  // kInProcess: whose models answer, and in which form. Must outlive the target.
  InferService* service = nullptr;
  Protocol form = Protocol::kPredict;

  // INVALID_ARGUMENT for an address that is none, or TLS options that cannot be used. Their server_name, where it is
  // empty, is the address's host, and their application protocol follows from `protocol`. Asks the system for names.
  static Result<LoadTarget> at(std::string address, TransportProtocol protocol, std::optional<TlsClientOptions> tls);
  static LoadTarget in_process(InferService& service, Protocol form);
};

}  // namespace pyserver::loadgen
