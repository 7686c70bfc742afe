#include "net/tls_rules.h"

#include <openssl/err.h>

#include "base/text.h"
#include "net/tls_pem.h"

namespace pyserver {
namespace {

// RFC 9113, 9.2.2: with TLS 1.2, only ephemeral keys and authenticated encryption.
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char kSessionIdContext[] = "pyserver";
// As ALPN has it: each name after its length.
constexpr unsigned char kHttp2[] = {2, 'h', '2'};

Status use_client_authorities(SSL_CTX* context, const TlsCertificates& certificates) {
  if (certificates.client_authorities.empty()) {
    if (!certificates.require_client_certificate) return {};
    return invalid_argument("TLS: client certificates are required, but no authorities are given to verify them by");
  }
  const bool read = for_each_certificate(certificates.client_authorities, [&](X509* authority) {
    return X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) == 1 &&
           SSL_CTX_add_client_CA(context, authority) == 1;
  });
  if (!read) return tls_unusable("the authorities of client certificates cannot be used");
  const int refuse = certificates.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | refuse, nullptr);
  return {};
}

// A client without ALPN does not speak gRPC. OpenSSL asks for a choice only where there is an offer.
int refuse_without_alpn(SSL* ssl, int* alert, void*) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size) == 1) {
    return SSL_CLIENT_HELLO_SUCCESS;
  }
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

int choose_http2(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                 unsigned int offered_size, void*) {
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, kHttp2, sizeof kHttp2, offered, offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;  // no_application_protocol
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

bool set_rules(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA);
  // Idle connections give their buffers back; the pieces to be written may lie elsewhere when they are tried again.
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One recv() brings whole records, instead of one for each header and one for each body.
  SSL_CTX_set_read_ahead(context, 1);
  // Sessions live in the clients' tickets: the server keeps none.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_client_hello_cb(context, refuse_without_alpn, nullptr);
  SSL_CTX_set_alpn_select_cb(context, choose_http2, nullptr);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(context, kTls12Ciphers) == 1 &&
         SSL_CTX_set_session_id_context(context, kSessionIdContext, sizeof kSessionIdContext - 1) == 1;
}

}  // namespace

Result<SslContextPtr> make_ssl_context(const TlsCertificates& certificates) {
  ERR_clear_error();
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context || !set_rules(context.get())) return internal_error(concat("TLS cannot be set up: ", openssl_reason()));
  PYSERVER_RETURN_IF_ERROR(use_certificate(context.get(), certificates.certificate_chain, certificates.private_key));
  PYSERVER_RETURN_IF_ERROR(use_client_authorities(context.get(), certificates));
  ERR_clear_error();
  return context;
}

}  // namespace pyserver
