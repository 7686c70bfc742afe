// TlsClientContext: a client's rules for TLS: whom it trusts, who it is, and what it wants to speak.
//
// Immutable once made: thread-safe. TLS 1.2 and 1.3.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "net/byte_stream.h"

namespace pyserver {

// PEM texts, not paths.
struct TlsClientOptions {
  std::string authorities;        // whom the server's certificate must come from; empty: whom the system trusts
  std::string certificate_chain;  // empty: the client shows none
  std::string private_key;
  std::string server_name;           // asked for, and looked for in the certificate: a name or an IP address
  bool verify = true;                // false: any certificate will do
  std::string application_protocol;  // by ALPN: "h2", "http/1.1"
};

class TlsClientContext {
 public:
  // INVALID_ARGUMENT with OpenSSL's reason: what cannot be read, a key that does not belong to the certificate.
  static Result<std::shared_ptr<const TlsClientContext>> create(const TlsClientOptions& options);
  ~TlsClientContext();

  // Over a socket that is connected. A handshake that fails tells why in ByteStream::failure().
  std::unique_ptr<ByteStream> connect(Socket socket, std::string peer) const;

 private:
  struct State;
  explicit TlsClientContext(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pyserver
