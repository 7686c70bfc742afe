// Address: where a server listens, and the owner of a file descriptor.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace pyserver {

// Owns a file descriptor. Move-only.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) noexcept : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket();

  int fd() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// One address that bind() takes.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

// What `text` stands for: "HOST:PORT" and "[IPV6]:PORT" (a name may stand for several addresses; "0.0.0.0" for all
// IPv4 addresses of this machine, "[::]" for all that it has, which are two: a listener takes one family), "unix:PATH",
// "unix:///PATH" or "unix-abstract:NAME". INVALID_ARGUMENT with the reason. Asks the system for names: may take a
// while.
Result<std::vector<SocketAddress>> resolve(std::string_view text);

// As grpc prints peers: "ipv4:127.0.0.1:5000", "ipv6:[::1]:5000", "unix:/run/x.sock" ("unix:" where it has no name).
std::string peer_text(const sockaddr_storage& address, socklen_t length);

}  // namespace pyserver
