#include "net/tls.h"

#include <mutex>
#include <utility>

#include "net/tls_rules.h"

namespace pyserver {

struct TlsContext::State {
  std::mutex mutex;
  // Guarded by `mutex`; connections hold their own references to the one that they began with.
  SslContextPtr current;
};

Result<std::shared_ptr<TlsContext>> TlsContext::create(const TlsCertificates& certificates) {
  auto state = std::make_unique<State>();
  std::shared_ptr<TlsContext> context(new TlsContext(std::move(state)));
  PYSERVER_RETURN_IF_ERROR(context->replace(certificates));
  return context;
}

TlsContext::TlsContext(std::unique_ptr<State> state) : state_(std::move(state)) {}

TlsContext::~TlsContext() = default;

Status TlsContext::replace(const TlsCertificates& certificates) {
  Result<SslContextPtr> made = make_ssl_context(certificates);
  if (!made.ok()) return made.status();
  const std::lock_guard lock(state_->mutex);
  state_->current.swap(*made);
  return {};
}

std::unique_ptr<ByteStream> TlsContext::accept(Socket socket, std::string peer) {
  SslContextPtr context;
  {
    const std::lock_guard lock(state_->mutex);
    SSL_CTX_up_ref(state_->current.get());
    context.reset(state_->current.get());
  }
  SslPtr ssl(SSL_new(context.get()));
  if (ssl) SSL_set_accept_state(ssl.get());
  return make_tls_stream(std::move(ssl), std::move(socket), std::move(peer));
}

}  // namespace pyserver
