#include "net/connect.h"

#include <cerrno>

#include "net/system_reason.h"

namespace pyserver {

Result<Socket> begin_connect(const SocketAddress& address) {
  Socket socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return unavailable(system_reason(errno));
  const auto* to = reinterpret_cast<const sockaddr*>(&address.storage);
  if (connect(socket.fd(), to, address.length) != 0 && errno != EINPROGRESS && errno != EINTR) {
    return unavailable(system_reason(errno));
  }
  return socket;
}

Status connect_outcome(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  return error == 0 ? Status() : unavailable(system_reason(error));
}

}  // namespace pyserver
