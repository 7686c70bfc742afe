// Reading from and writing to a connected socket: what streams with and without TLS have in common.
//
// Never blocks, never raises SIGPIPE (the process need not ignore it). Owns the socket. Belongs to one thread.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "net/byte_stream.h"

namespace pyserver {

class SocketIo {
 public:
  // Sets the socket up: non-blocking, TCP_NODELAY where it is TCP.
  explicit SocketIo(Socket socket) noexcept;

  IoResult read(std::span<std::byte> into) noexcept;
  // The next read asks the kernel, whatever the last one got.
  void look_again() noexcept { drained_ = false; }
  IoResult write(std::span<const iovec> from) noexcept;
  // Ends our side.
  void shut_down() noexcept;

  int fd() const noexcept { return socket_.fd(); }

 private:
  Socket socket_;
  // The last read got less than it had room for, so the next would get nothing. Saying so without asking the kernel
  // saves a system call with every message; what has come since is reported when the caller waits, which it has to do.
  bool drained_ = false;
};

}  // namespace pyserver
