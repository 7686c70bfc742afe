// What the parts of TLS here share: owners of OpenSSL's objects, and one SSL_CTX made by the rules in tls.h.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "base/status.h"
#include "net/byte_stream.h"
#include "net/tls.h"

namespace pyserver {

template <auto free_function>
struct OpenSslDeleter {
  template <typename T>
  void operator()(T* object) const noexcept {
    free_function(object);
  }
};
using SslContextPtr = std::unique_ptr<SSL_CTX, OpenSslDeleter<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, OpenSslDeleter<SSL_free>>;
using BioPtr = std::unique_ptr<BIO, OpenSslDeleter<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, OpenSslDeleter<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpenSslDeleter<EVP_PKEY_free>>;

// INVALID_ARGUMENT as TlsContext::create says.
Result<SslContextPtr> make_ssl_context(const TlsCertificates& certificates);

// What is known after the handshake.
PeerIdentity identity_of(SSL* ssl);

// `ssl` knows which side it is. Throws std::bad_alloc where it is null, or OpenSSL has no memory.
std::unique_ptr<ByteStream> make_tls_stream(SslPtr ssl, Socket socket, std::string peer);

}  // namespace pyserver
