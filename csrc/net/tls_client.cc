#include "net/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>

#include <utility>

#include "base/text.h"
#include "net/tls_pem.h"
#include "net/tls_rules.h"

namespace pyserver {
namespace {

bool is_ip_address(const std::string& name) {
  in6_addr address;
  return inet_pton(AF_INET, name.c_str(), &address) == 1 || inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

Status use_authorities(SSL_CTX* context, const TlsClientOptions& options) {
  if (!options.verify) return {};
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (options.authorities.empty()) {
    return SSL_CTX_set_default_verify_paths(context) == 1 ? Status()
                                                          : tls_unusable("the system's authorities cannot be read");
  }
  const bool read = for_each_certificate(options.authorities, [&](X509* authority) {
    return X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) == 1;
  });
  return read ? Status() : tls_unusable("the authorities of the server's certificate cannot be used");
}

bool set_rules(SSL_CTX* context, const TlsClientOptions& options) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  // As ALPN has it: each name after its length.
  std::string offer(1, static_cast<char>(options.application_protocol.size()));
  offer += options.application_protocol;
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(offer.data()),
                                 static_cast<unsigned>(offer.size())) == 0;
}

// Whom the certificate must be for, and, where it is a name, whom to ask for.
bool set_server_name(SSL* ssl, const TlsClientOptions& options) {
  const std::string& name = options.server_name;
  if (name.empty()) return true;
  if (is_ip_address(name)) {
    return !options.verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
  }
  // The macro of SSL_set_tlsext_host_name casts const away.
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name.c_str())) == 1 &&
         (!options.verify || SSL_set1_host(ssl, name.c_str()) == 1);
}

}  // namespace

struct TlsClientContext::State {
  SslContextPtr context;
  TlsClientOptions options;
};

Result<std::shared_ptr<const TlsClientContext>> TlsClientContext::create(const TlsClientOptions& options) {
  ERR_clear_error();
  auto state = std::make_unique<State>();
  state->options = options;
  state->context.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const context = state->context.get();
  if (context == nullptr || !set_rules(context, options)) {
    return internal_error(concat("TLS cannot be set up: ", openssl_reason()));
  }
  PYSERVER_RETURN_IF_ERROR(use_authorities(context, options));
  if (!options.certificate_chain.empty() || !options.private_key.empty()) {
    PYSERVER_RETURN_IF_ERROR(use_certificate(context, options.certificate_chain, options.private_key));
  }
  ERR_clear_error();
  return std::shared_ptr<const TlsClientContext>(new TlsClientContext(std::move(state)));
}

TlsClientContext::TlsClientContext(std::unique_ptr<State> state) : state_(std::move(state)) {}

TlsClientContext::~TlsClientContext() = default;

std::unique_ptr<ByteStream> TlsClientContext::connect(Socket socket, std::string peer) const {
  SslPtr ssl(SSL_new(state_->context.get()));
  if (ssl) {
    SSL_set_connect_state(ssl.get());
    if (!set_server_name(ssl.get(), state_->options)) ssl.reset();
  }
  return make_tls_stream(std::move(ssl), std::move(socket), std::move(peer));
}

}  // namespace pyserver
