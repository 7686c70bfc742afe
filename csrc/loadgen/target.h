// LoadTarget: whom the load is for. Immutable; shared by all threads of a run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "net/address.h"
#include "server/infer_service.h"

namespace pyserver::loadgen {

enum class TransportProtocol { kGrpc, kHttp1, kInProcess };

struct LoadTarget {
  TransportProtocol protocol = TransportProtocol::kGrpc;
  std::string text;       // as it was given, for sentences
  std::string authority;  // the server's name in requests
  std::vector<SocketAddress> addresses;
  bool tls = false;
  // kInProcess: whose models answer, and in which form. Must outlive the target.
  InferService* service = nullptr;
  Protocol form = Protocol::kPredict;

  // INVALID_ARGUMENT for an address that is none. Asks the system for names.
  static Result<LoadTarget> at(std::string address, TransportProtocol protocol);
};

}  // namespace pyserver::loadgen
