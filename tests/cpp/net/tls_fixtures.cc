#include "net/tls_fixtures.h"

#include <fcntl.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace pyserver::test {
namespace {

void require(bool fine) {
  if (!fine) throw std::runtime_error("OpenSSL refused a step of a test");
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

template <typename Write>
std::string text_by(Write write) {
  const BioPtr text(BIO_new(BIO_s_mem()));
  require(write(text.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace

Certificate::Certificate(const std::string& common_name, const Certificate* issuer, const char* alternative_names)
    : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
  require(key_ && certificate_);
  X509* x509 = certificate_.get();
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), issuer == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
  X509_set_pubkey(x509, key());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.data()),
                             static_cast<int>(common_name.size()), -1, 0);
  X509* signer = issuer == nullptr ? x509 : issuer->x509();
  X509_set_issuer_name(x509, X509_get_subject_name(signer));
  if (issuer == nullptr) add_extension(x509, signer, NID_basic_constraints, "critical,CA:TRUE");
  if (alternative_names != nullptr) add_extension(x509, signer, NID_subject_alt_name, alternative_names);
  require(X509_sign(x509, issuer == nullptr ? key() : issuer->key(), EVP_sha256()) > 0);
}

std::string Certificate::pem() const {
  return text_by([this](BIO* text) { return PEM_write_bio_X509(text, x509()); });
}

std::string Certificate::key_pem() const {
  return text_by(
      [this](BIO* text) { return PEM_write_bio_PrivateKey(text, key(), nullptr, nullptr, 0, nullptr, nullptr); });
}

TlsClient::TlsClient(Socket socket, const ClientOptions& options)
    : socket_(std::move(socket)), context_(SSL_CTX_new(TLS_client_method())) {
  fcntl(fd(), F_SETFL, O_NONBLOCK);
  SSL_CTX* context = context_.get();
  SSL_CTX_set_max_proto_version(context, options.max_version);
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (options.max_version < TLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
  if (options.tls12_ciphers != nullptr) require(SSL_CTX_set_cipher_list(context, options.tls12_ciphers) == 1);
  if (options.certificate != nullptr) {
    require(SSL_CTX_use_certificate(context, options.certificate->x509()) == 1);
    require(SSL_CTX_use_PrivateKey(context, options.certificate->key()) == 1);
  }
  ssl_.reset(SSL_new(context));
  require(ssl_ != nullptr && SSL_set_fd(ssl(), fd()) == 1);
  if (!options.alpn.empty()) {
    SSL_set_alpn_protos(ssl(), reinterpret_cast<const unsigned char*>(options.alpn.data()),
                        static_cast<unsigned>(options.alpn.size()));
  }
  if (options.max_fragment_length != 0) {
    SSL_set_tlsext_max_fragment_length(ssl(), static_cast<std::uint8_t>(options.max_fragment_length));
  }
  if (options.session != nullptr) SSL_set_session(ssl(), options.session);
  SSL_set_connect_state(ssl());
}

bool TlsClient::succeeded(int result) {
  if (result > 0) return true;
  const int error = SSL_get_error(ssl(), result);
  if (error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL) {
    const char* reason = ERR_reason_error_string(ERR_peek_error());
    if (failure_.empty()) failure_ = reason == nullptr ? "the connection broke" : reason;
  }
  ERR_clear_error();
  return false;
}

bool TlsClient::handshake() {
  if (!failure_.empty()) return false;
  ERR_clear_error();
  return succeeded(SSL_do_handshake(ssl()));
}

std::size_t TlsClient::write(std::string_view text) {
  std::size_t written = 0;
  ERR_clear_error();
  succeeded(SSL_write_ex(ssl(), text.data(), text.size(), &written));
  return written;
}

bool TlsClient::read(std::string& into) {
  std::array<char, 16'384> buffer;
  std::size_t got = 0;
  ERR_clear_error();
  while (succeeded(SSL_read_ex(ssl(), buffer.data(), buffer.size(), &got))) into.append(buffer.data(), got);
  return (SSL_get_shutdown(ssl()) & SSL_RECEIVED_SHUTDOWN) != 0;
}

void TlsClient::drop() { Socket(std::move(socket_)); }

}  // namespace pyserver::test
