#include "net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>

#include "base/text.h"

namespace pyserver {
namespace {

constexpr std::size_t kPathOffset = offsetof(sockaddr_un, sun_path);
// One byte is for the NUL at the end of a path, or at the start of an abstract name.
constexpr std::size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;

Status not_an_address(std::string_view text, std::string_view why) {
  return invalid_argument(concat("address ", quoted(text), ": ", why));
}

constexpr std::string_view kExpected = "expected HOST:PORT, [IPV6]:PORT, unix:PATH or unix-abstract:NAME";

Result<std::vector<SocketAddress>> resolve_unix(std::string_view text, std::string_view path, bool abstract) {
  if (path.empty()) return not_an_address(text, kExpected);
  if (path.size() > kMaxPath) {
    return not_an_address(text,
                          concat("a Unix socket's name has at most ", kMaxPath, " bytes, this one ", path.size()));
  }
  if (!abstract && path.find('\0') != std::string_view::npos) return not_an_address(text, "a path has no NUL in it");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + (abstract ? 1 : 0), path.data(), path.size());
  SocketAddress out;
  std::memcpy(&out.storage, &address, sizeof address);
  out.length = static_cast<socklen_t>(kPathOffset + path.size() + 1);
  return std::vector<SocketAddress>{out};
}

bool is_port(std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) return false;
  const std::size_t digits = std::min(text.find_first_not_of('0'), text.size());
  const std::string_view number = text.substr(digits);
  return number.size() < 5 || (number.size() == 5 && number <= "65535");
}

// What getaddrinfo knows under `host`, without doubles. Returns its error, 0 for none.
int look_up(const std::string& host, const std::string& port, int flags, std::vector<SocketAddress>& out) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV | flags;
  addrinfo* list = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &list); error != 0) return error;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.length = one->ai_addrlen;
    const bool known = std::any_of(out.begin(), out.end(), [&](const SocketAddress& other) {
      return other.length == address.length && std::memcmp(&other.storage, &address.storage, address.length) == 0;
    });
    if (!known) out.push_back(address);
  }
  return 0;
}

bool is_any_ipv6(const SocketAddress& address) {
  if (address.storage.ss_family != AF_INET6) return false;
  sockaddr_in6 ipv6;
  std::memcpy(&ipv6, &address.storage, sizeof ipv6);
  return IN6_IS_ADDR_UNSPECIFIED(&ipv6.sin6_addr);
}

Result<std::vector<SocketAddress>> resolve_ip(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return not_an_address(text, kExpected);
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const bool has_colon = host.find(':') != std::string_view::npos;
  const bool has_stray = host.find_first_of(std::string_view("[]\0", 3)) != std::string_view::npos;
  if (host.empty() || has_stray || has_colon != bracketed) {
    return not_an_address(text, kExpected);
  }
  if (!is_port(port)) return not_an_address(text, "expected a port from 0 to 65535 after the last colon");

  std::vector<SocketAddress> addresses;
  const int error = look_up(std::string(host), std::string(port), bracketed ? AI_NUMERICHOST : 0, addresses);
  if (error != 0 || addresses.empty()) {
    return not_an_address(text, error == 0 ? "the name has no address" : gai_strerror(error));
  }
  // All addresses of this machine, as grpc understands it. A socket of ours takes one family, hence two of them.
  if (addresses.size() == 1 && is_any_ipv6(addresses.front())) look_up("0.0.0.0", std::string(port), 0, addresses);
  return addresses;
}

std::string unix_text(const sockaddr_storage& address, socklen_t length) {
  sockaddr_un name{};
  std::memcpy(&name, &address, std::min<std::size_t>(length, sizeof name));
  const std::size_t size = length > kPathOffset ? std::min<std::size_t>(length, sizeof name) - kPathOffset : 0;
  if (size == 0) return "unix:";
  if (name.sun_path[0] == '\0') return concat("unix-abstract:", std::string_view(name.sun_path + 1, size - 1));
  return concat("unix:", std::string_view(name.sun_path, strnlen(name.sun_path, size)));
}

std::string ipv4_text(const in_addr& address, in_port_t port) {
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &address, text, sizeof text);
  return concat("ipv4:", std::string_view(text), ':', ntohs(port));
}

std::string ipv6_text(const sockaddr_in6& address) {
  if (IN6_IS_ADDR_V4MAPPED(&address.sin6_addr)) {
    in_addr mapped;
    std::memcpy(&mapped, address.sin6_addr.s6_addr + 12, sizeof mapped);
    return ipv4_text(mapped, address.sin6_port);
  }
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text);
  return concat("ipv6:[", std::string_view(text), "]:", ntohs(address.sin6_port));
}

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

Result<std::vector<SocketAddress>> resolve(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  constexpr std::string_view kAbstract = "unix-abstract:";
  if (text.starts_with(kAbstract)) return resolve_unix(text, text.substr(kAbstract.size()), true);
  if (!text.starts_with(kUnix)) return resolve_ip(text);
  std::string_view path = text.substr(kUnix.size());
  if (path.starts_with("//")) {
    path.remove_prefix(2);
    if (!path.starts_with('/')) return not_an_address(text, "expected unix:PATH or unix:///PATH");
  }
  return resolve_unix(text, path, false);
}

std::string peer_text(const sockaddr_storage& address, socklen_t length) {
  if (address.ss_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, &address, sizeof ipv4);
    return ipv4_text(ipv4.sin_addr, ipv4.sin_port);
  }
  if (address.ss_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, &address, sizeof ipv6);
    return ipv6_text(ipv6);
  }
  return unix_text(address, length);
}

}  // namespace pyserver
