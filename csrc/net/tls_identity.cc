#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <string_view>
#include <utility>

#include "net/tls_rules.h"

namespace pyserver {
namespace {

using NamesPtr = std::unique_ptr<GENERAL_NAMES, OpenSslDeleter<GENERAL_NAMES_free>>;

std::string_view bytes_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// A NUL in a name has no use but to deceive who compares it as a C string: such a name is none.
bool is_honest(std::string_view name) { return !name.empty() && name.find('\0') == std::string_view::npos; }

std::string pem_of(X509* certificate) {
  const BioPtr text(BIO_new(BIO_s_mem()));
  if (!text || PEM_write_bio_X509(text.get(), certificate) != 1) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::string common_name_of(X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0) return {};
  unsigned char* data = nullptr;
  const int size = ASN1_STRING_to_UTF8(&data, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
  if (size < 0) return {};
  std::string name(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  return is_honest(name) ? name : std::string();
}

std::string ip_text(std::string_view bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  if (bytes.size() == 4) inet_ntop(AF_INET, bytes.data(), text, sizeof text);
  if (bytes.size() == 16) inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

std::vector<std::string> alternative_names_of(X509* certificate) {
  std::vector<std::string> found;
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    if (type != GEN_DNS && type != GEN_URI && type != GEN_EMAIL && type != GEN_IPADD) continue;
    const std::string_view bytes = bytes_of(static_cast<const ASN1_STRING*>(value));
    std::string name = type == GEN_IPADD ? ip_text(bytes) : std::string(bytes);
    if (is_honest(name)) found.push_back(std::move(name));
  }
  return found;
}

}  // namespace

PeerIdentity identity_of(SSL* ssl) {
  PeerIdentity identity;
  identity.tls = true;
  identity.protocol = SSL_get_version(ssl);
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &chosen, &size);
  identity.application_protocol.assign(reinterpret_cast<const char*>(chosen), size);
  const X509Ptr certificate(SSL_get1_peer_certificate(ssl));
  if (certificate && SSL_get_verify_result(ssl) == X509_V_OK) {
    identity.certificate_pem = pem_of(certificate.get());
    identity.common_name = common_name_of(certificate.get());
    identity.alternative_names = alternative_names_of(certificate.get());
  }
  ERR_clear_error();
  return identity;
}

}  // namespace pyserver
