// ByteStream: a connected socket that does not block, with TLS or without.
//
// Owns its socket. Belongs to one thread. Errors of the peer or the network are kClosed or kFailed, never exceptions or
// signals.
#pragma once

#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/address.h"

namespace pyserver {

enum class IoOutcome {
  kDone,        // `bytes` > 0 were moved
  kWantsRead,   // nothing was: try again when the socket is readable
  kWantsWrite,  // nothing was: try again when the socket is writable
  kClosed,      // the peer has ended its side in good order (read only)
  kFailed,      // the connection is broken
};

struct IoResult {
  IoOutcome outcome = IoOutcome::kDone;
  std::size_t bytes = 0;
};

// What TLS knows of the peer; empty without TLS. What grpc calls the auth context.
struct PeerIdentity {
  bool tls = false;
  std::string protocol;                        // "TLSv1.3"
  std::string application_protocol;            // by ALPN, "h2"
  std::string certificate_pem;                 // of a client that showed one that was verified, else empty
  std::string common_name;                     // of its subject
  std::vector<std::string> alternative_names;  // DNS names, URIs, e-mail and IP addresses
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // Brings the stream into a state in which bytes may be moved: kDone (with no bytes) when it is. TLS shakes hands.
  virtual IoResult handshake() = 0;

  // kDone may have moved less than there was room or data for. A reader must go on until kWantsRead: with TLS, bytes
  // may wait inside the stream while the socket is silent. What write() did not move must be offered again before
  // anything else: TLS may have a part of it on its way.
  virtual IoResult read(std::span<std::byte> into) = 0;
  virtual IoResult write(std::span<const iovec> from) = 0;

  // Says good-bye where the protocol has a word for it (TLS close_notify), and ends our side. Never waits.
  virtual void shut_down() = 0;

  // For the event loop only.
  virtual int fd() const noexcept = 0;
  // As grpc prints it: "ipv4:127.0.0.1:5000", "ipv6:[::1]:5000", "unix:".
  virtual const std::string& peer() const noexcept = 0;
  // After the handshake.
  virtual const PeerIdentity& identity() const noexcept = 0;
  // After kFailed: why, as the end of a sentence; empty where nobody knows.
  virtual const std::string& failure() const noexcept = 0;
};

// Has the kernel break a TCP connection whose peer takes none of what was written for so long: the kernel's own buffer
// may hold megabytes that nobody above it sees. Zero: never. Without effect on other sockets.
void limit_unread(int fd, std::chrono::milliseconds patience) noexcept;

// Without TLS. Sets the socket up (non-blocking, TCP_NODELAY where it is TCP).
std::unique_ptr<ByteStream> make_plain_stream(Socket socket, std::string peer);

}  // namespace pyserver
