// Listener: accepts connections on one address and hands the sockets out.
//
// Belongs to the thread of its loop. Connections are handed out, not shared by SO_REUSEPORT: the kernel would deal them
// by hash, and a server with few long connections, which gRPC clients make, would keep some loops idle.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "net/address.h"
#include "net/event_loop.h"

namespace pyserver {

struct ListenerOptions {
  int backlog = 1024;
  // A turn of the loop accepts no more than so many, so that the connections that there are get their turn.
  int accepts_per_turn = 64;
};

class Listener final : private EventLoop::Watcher {
 public:
  // Takes a connected socket and the peer's name; on the loop's thread. May stop the listener, not destroy it.
  using Accept = std::function<void(Socket socket, std::string peer)>;

  // Binds and listens; connections are accepted from start() on. UNAVAILABLE with the system's reason: the address is
  // in use (a Unix socket that a living server answers too; the file that a dead one left is replaced) or not ours.
  static Result<std::unique_ptr<Listener>> open(const SocketAddress& address, ListenerOptions options = {});
  // Closes; a Unix socket's file is removed if it is still ours.
  ~Listener() override;

  // The port that was bound, also where 0 was asked for; 0 for a Unix socket.
  std::uint16_t port() const noexcept;

  void start(EventLoop& loop, Accept accept);
  // No more is accepted; what the kernel has queued is closed with the listener.
  void stop();

  // Accepts that failed for want of file descriptors or memory; the listener rests for a moment and goes on. Any
  // thread.
  std::uint64_t failed_accepts() const noexcept;

 private:
  struct State;
  explicit Listener(std::unique_ptr<State> state);
  void on_ready(std::uint32_t readiness) override;
  std::unique_ptr<State> state_;
};

}  // namespace pyserver
