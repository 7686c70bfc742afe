// TlsContext: a server's certificate, key and rules for TLS, replaceable while connections live.
//
// Thread-safe: accept() may be called on any loop while replace() changes the certificate; connections that there are
// keep what they began with. TLS 1.2 and 1.3, ALPN "h2" required, session tickets, no renegotiation, no compression.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "net/byte_stream.h"

namespace pyserver {

// PEM texts, not paths.
struct TlsCertificates {
  std::string certificate_chain;
  std::string private_key;
  // Whom clients' certificates must come from; empty: clients are not asked for one.
  std::string client_authorities;
  // Refuse clients without a certificate. Only with `client_authorities`.
  bool require_client_certificate = false;
};

class TlsContext {
 public:
  // INVALID_ARGUMENT with OpenSSL's reason: what cannot be read, a key that does not belong to the certificate.
  static Result<std::shared_ptr<TlsContext>> create(const TlsCertificates& certificates);
  ~TlsContext();

  // New connections get these; on failure everything stays as it was.
  Status replace(const TlsCertificates& certificates);

  std::unique_ptr<ByteStream> accept(Socket socket, std::string peer);

 private:
  struct State;
  explicit TlsContext(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pyserver
