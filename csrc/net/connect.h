// Connecting to a server without waiting for it.
//
// Thread-safe: no state is shared.
#pragma once

#include "base/status.h"
#include "net/address.h"

namespace pyserver {

// Begins to connect. The socket does not block; once it is writable, connect_outcome() says what became of it.
// UNAVAILABLE with the system's reason where that is known at once.
Result<Socket> begin_connect(const SocketAddress& address);

// OK where the socket is connected; UNAVAILABLE with the system's reason where it could not be. Only after the socket
// has become writable.
Status connect_outcome(int fd);

}  // namespace pyserver
