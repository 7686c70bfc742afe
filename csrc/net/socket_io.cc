#include "net/socket_io.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace pyserver {
namespace {

#ifdef IOV_MAX
constexpr std::size_t kMaxPieces = IOV_MAX;
#else
constexpr std::size_t kMaxPieces = 1024;
#endif

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

SocketIo::SocketIo(Socket socket) noexcept : socket_(std::move(socket)) {
  int on = 1;
  ioctl(fd(), FIONBIO, &on);
  // Refused by sockets that are not TCP, which have nothing to switch off.
  setsockopt(fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void limit_unread(int fd, std::chrono::milliseconds patience) noexcept {
  const auto milliseconds = static_cast<unsigned>(std::clamp<std::int64_t>(patience.count(), 0, INT_MAX));
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

IoResult SocketIo::read(std::span<std::byte> into) noexcept {
  if (into.empty()) return {};
  if (std::exchange(drained_, false)) return {IoOutcome::kWantsRead};
  while (true) {
    const ssize_t got = recv(fd(), into.data(), into.size(), 0);
    if (got > 0) {
      drained_ = static_cast<std::size_t>(got) < into.size();
      return {IoOutcome::kDone, static_cast<std::size_t>(got)};
    }
    if (got == 0) return {IoOutcome::kClosed};
    if (errno == EINTR) continue;
    return {would_block(errno) ? IoOutcome::kWantsRead : IoOutcome::kFailed};
  }
}

IoResult SocketIo::write(std::span<const iovec> from) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(from.data());  // sendmsg only reads
  message.msg_iovlen = std::min(from.size(), kMaxPieces);
  while (true) {
    const ssize_t sent = sendmsg(fd(), &message, MSG_NOSIGNAL);
    if (sent >= 0) return {IoOutcome::kDone, static_cast<std::size_t>(sent)};
    if (errno == EINTR) continue;
    return {would_block(errno) ? IoOutcome::kWantsWrite : IoOutcome::kFailed};
  }
}

void SocketIo::shut_down() noexcept { shutdown(fd(), SHUT_WR); }

}  // namespace pyserver
