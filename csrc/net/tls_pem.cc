#include "net/tls_pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <climits>

#include "base/text.h"
#include "net/tls_rules.h"

namespace pyserver {
namespace {

// Nobody is asked for a pass phrase: an encrypted key cannot be read.
int no_pass_phrase(char*, int, int, void*) { return -1; }

BioPtr text_of(const std::string& pem) {
  if (pem.size() > INT_MAX) return nullptr;
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

}  // namespace

std::string openssl_reason() {
  const unsigned long error = ERR_peek_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  ERR_clear_error();
  return reason == nullptr ? "unknown error" : reason;
}

Status tls_unusable(std::string_view what) { return invalid_argument(concat("TLS: ", what, ": ", openssl_reason())); }

bool for_each_certificate(const std::string& pem, const std::function<bool(X509*)>& use) {
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

Status use_certificate(SSL_CTX* context, const std::string& certificate_chain, const std::string& private_key) {
  bool first = true;
  const bool read = for_each_certificate(certificate_chain, [&](X509* certificate) {
    if (first) {
      first = false;
      return SSL_CTX_use_certificate(context, certificate) == 1;
    }
    return SSL_CTX_add1_chain_cert(context, certificate) == 1;
  });
  if (!read) return tls_unusable("the certificate chain cannot be used");
  const BioPtr text = text_of(private_key);
  const KeyPtr key(text ? PEM_read_bio_PrivateKey(text.get(), nullptr, no_pass_phrase, nullptr) : nullptr);
  if (!key) return tls_unusable("the private key cannot be read");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return tls_unusable("the private key does not belong to the certificate");
  }
  return {};
}

}  // namespace pyserver
