// Certificates made on the spot, and a TLS client of OpenSSL's on a socket that does not block.
#pragma once

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "net/tls_rules.h"

namespace pyserver::test {

// A certificate with its key. Without an issuer, one that signs itself and may sign others.
class Certificate {
 public:
  explicit Certificate(const std::string& common_name, const Certificate* issuer = nullptr,
                       const char* alternative_names = nullptr);

  X509* x509() const { return certificate_.get(); }
  EVP_PKEY* key() const { return key_.get(); }
  std::string pem() const;
  std::string key_pem() const;

 private:
  KeyPtr key_;
  X509Ptr certificate_;
};

// What a client does differently from a good one.
struct ClientOptions {
  std::string_view alpn{"\x02h2", 3};  // empty: none
  const Certificate* certificate = nullptr;
  int max_version = TLS1_3_VERSION;
  const char* tls12_ciphers = nullptr;
  SSL_SESSION* session = nullptr;
  int max_fragment_length = 0;  // TLSEXT_max_fragment_length_…
};

class TlsClient {
 public:
  // `socket` gets non-blocking.
  explicit TlsClient(Socket socket, const ClientOptions& options = {});

  // Whether it has shaken hands; moves on as far as the socket lets it.
  bool handshake();
  // The last failure's reason ("tlsv1 alert no application protocol"); empty while there is none.
  const std::string& failure() const { return failure_; }
  // How many bytes were written; 0 where the socket has no room.
  std::size_t write(std::string_view text);
  // Appends what there is; whether the server has said good-bye.
  bool read(std::string& into);

  SSL* ssl() const { return ssl_.get(); }
  int fd() const { return socket_.fd(); }
  // Lets go of the socket without a word.
  void drop();

 private:
  bool succeeded(int result);

  Socket socket_;
  SslContextPtr context_;
  SslPtr ssl_;
  std::string failure_;
};

}  // namespace pyserver::test
