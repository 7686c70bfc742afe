#include "net/tls_rules.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <climits>
#include <string_view>

#include "base/text.h"

namespace pyserver {
namespace {

// RFC 9113, 9.2.2: with TLS 1.2, only ephemeral keys and authenticated encryption.
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char kSessionIdContext[] = "pyserver";
// As ALPN has it: each name after its length.
constexpr unsigned char kHttp2[] = {2, 'h', '2'};

// OpenSSL's words for what went wrong first; empties its queue.
std::string openssl_reason() {
  const unsigned long error = ERR_peek_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  ERR_clear_error();
  return reason == nullptr ? "unknown error" : reason;
}

Status unusable(std::string_view what) { return invalid_argument(concat("TLS: ", what, ": ", openssl_reason())); }

// Nobody is asked for a pass phrase: an encrypted key cannot be read.
int no_pass_phrase(char*, int, int, void*) { return -1; }

BioPtr text_of(const std::string& pem) {
  if (pem.size() > INT_MAX) return nullptr;
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// Hands every certificate in `pem` to `use`, which returns whether it could be used. At least one must be there.
template <typename Use>
bool for_each_certificate(const std::string& pem, Use use) {
  const BioPtr text = text_of(pem);
  if (!text) return false;
  for (bool first = true;; first = false) {
    X509Ptr certificate(PEM_read_bio_X509(text.get(), nullptr, no_pass_phrase, nullptr));
    if (!certificate) {
      // The end of the text is reported as an error.
      const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      if (first || !ended) return false;
      ERR_clear_error();
      return true;
    }
    if (!use(certificate.get())) return false;
  }
}

Status use_certificate(SSL_CTX* context, const TlsCertificates& certificates) {
  bool first = true;
  const bool read = for_each_certificate(certificates.certificate_chain, [&](X509* certificate) {
    if (first) {
      first = false;
      return SSL_CTX_use_certificate(context, certificate) == 1;
    }
    return SSL_CTX_add1_chain_cert(context, certificate) == 1;
  });
  if (!read) return unusable("the certificate chain cannot be used");
  const BioPtr text = text_of(certificates.private_key);
  const KeyPtr key(text ? PEM_read_bio_PrivateKey(text.get(), nullptr, no_pass_phrase, nullptr) : nullptr);
  if (!key) return unusable("the private key cannot be read");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return unusable("the private key does not belong to the certificate");
  }
  return {};
}

Status use_client_authorities(SSL_CTX* context, const TlsCertificates& certificates) {
  if (certificates.client_authorities.empty()) {
    if (!certificates.require_client_certificate) return {};
    return invalid_argument("TLS: client certificates are required, but no authorities are given to verify them by");
  }
  const bool read = for_each_certificate(certificates.client_authorities, [&](X509* authority) {
    return X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) == 1 &&
           SSL_CTX_add_client_CA(context, authority) == 1;
  });
  if (!read) return unusable("the authorities of client certificates cannot be used");
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
  PYSERVER_RETURN_IF_ERROR(use_certificate(context.get(), certificates));
  PYSERVER_RETURN_IF_ERROR(use_client_authorities(context.get(), certificates));
  ERR_clear_error();
  return context;
}

}  // namespace pyserver
