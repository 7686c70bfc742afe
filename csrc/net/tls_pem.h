// Certificates and keys out of PEM texts, for both sides of TLS, and OpenSSL's words for what went wrong.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace pyserver {

// OpenSSL's words for what went wrong first; empties its queue, which is the thread's.
std::string openssl_reason();

// INVALID_ARGUMENT: `what`, and OpenSSL's words.
Status tls_unusable(std::string_view what);

// Hands every certificate in `pem` to `use`, which returns whether it could be used. At least one must be there.
bool for_each_certificate(const std::string& pem, const std::function<bool(X509*)>& use);

// Whom the holder of `context` presents itself as. INVALID_ARGUMENT where that cannot be.
Status use_certificate(SSL_CTX* context, const std::string& certificate_chain, const std::string& private_key);

}  // namespace pyserver
