#include "net/listener.h"

#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <utility>

#include "net/system_reason.h"

namespace pyserver {
namespace {

// How long to wait for somebody to close a descriptor when there are none. Nothing tells when that happens.
constexpr auto kRest = std::chrono::milliseconds(100);

const sockaddr* as_sockaddr(const SocketAddress& address) {
  return reinterpret_cast<const sockaddr*>(&address.storage);
}

// Empty unless the address is a Unix socket in the file system.
std::string path_of(const SocketAddress& address) {
  if (address.storage.ss_family != AF_UNIX) return {};
  sockaddr_un name;
  std::memcpy(&name, &address.storage, sizeof name);
  return std::string(name.sun_path, strnlen(name.sun_path, sizeof name.sun_path));
}

// Which file a path names; equal only for one and the same.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool is_socket = false;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

FileIdentity identity_of(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, S_ISSOCK(status.st_mode)};
}

Status system_failure(int error) { return unavailable(system_reason(error)); }

// Removes the socket that a dead server left. What is no socket, or is answered, stays: the address is in use.
Status remove_stale(const SocketAddress& address, const std::string& path) {
  const FileIdentity found = identity_of(path);
  if (!found.is_socket) return system_failure(EADDRINUSE);
  const Socket probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return system_failure(errno);
  const int error = connect(probe.fd(), as_sockaddr(address), address.length) == 0 ? 0 : errno;
  if (error == EACCES) return system_failure(error);
  // Another may have replaced it by a living one since.
  if (error != ECONNREFUSED || identity_of(path) != found) return system_failure(EADDRINUSE);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return system_failure(errno);
  return {};
}

bool is_shortage(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

// What only the one connection suffers from that is being accepted (accept(2)).
bool is_of_the_peer(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENETUNREACH:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP: return true;
    default: return false;
  }
}

}  // namespace

struct Listener::State {
  struct Rest final : EventLoop::Timer {
    explicit Rest(State& resting) : state(resting) {}
    void on_time() override { state.begin(); }
    State& state;
  };

  State(Socket listening, ListenerOptions listener_options)
      : socket(std::move(listening)), options(listener_options), rest(*this) {}
  ~State() {
    if (!path.empty() && identity_of(path) == file) unlink(path.c_str());
  }

  // Watches the socket, now or, where that is not possible, a little later.
  void begin() {
    watching = loop->watch(socket.fd(), EventLoop::kReadable, *watcher).ok();
    if (!watching) pause();
  }
  void pause() {
    if (std::exchange(watching, false)) loop->unwatch(socket.fd());
    loop->arm(rest, loop->clock().now() + kRest);
  }
  void end() {
    if (std::exchange(watching, false)) loop->unwatch(socket.fd());
    if (loop != nullptr) loop->disarm(rest);
  }

  Socket socket;
  ListenerOptions options;
  std::string path;   // of a Unix socket's file, else empty
  FileIdentity file;  // what bind() made there
  std::uint16_t port = 0;
  EventLoop* loop = nullptr;
  EventLoop::Watcher* watcher = nullptr;
  Accept accept;
  bool watching = false;
  Rest rest;
  std::atomic<std::uint64_t> failed_accepts = 0;
};

Result<std::unique_ptr<Listener>> Listener::open(const SocketAddress& address, ListenerOptions options) {
  const int family = address.storage.ss_family;
  Socket socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return system_failure(errno);
  const int on = 1;
  // A server that starts again must not wait for its old connections to be forgotten.
  if (family != AF_UNIX) setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) setsockopt(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);

  const std::string path = path_of(address);
  if (bind(socket.fd(), as_sockaddr(address), address.length) != 0) {
    if (errno != EADDRINUSE || path.empty()) return system_failure(errno);
    PYSERVER_RETURN_IF_ERROR(remove_stale(address, path));
    if (bind(socket.fd(), as_sockaddr(address), address.length) != 0) return system_failure(errno);
  }
  auto state = std::make_unique<State>(std::move(socket), options);
  if (!path.empty()) {
    state->file = identity_of(path);
    state->path = path;
  }
  if (listen(state->socket.fd(), options.backlog) != 0) return system_failure(errno);

  SocketAddress bound;
  bound.length = sizeof bound.storage;
  getsockname(state->socket.fd(), reinterpret_cast<sockaddr*>(&bound.storage), &bound.length);
  if (family == AF_INET) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, &bound.storage, sizeof ipv4);
    state->port = ntohs(ipv4.sin_port);
  } else if (family == AF_INET6) {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, &bound.storage, sizeof ipv6);
    state->port = ntohs(ipv6.sin6_port);
  }
  return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

Listener::Listener(std::unique_ptr<State> state) : state_(std::move(state)) { state_->watcher = this; }

Listener::~Listener() { stop(); }

std::uint16_t Listener::port() const noexcept { return state_->port; }

void Listener::start(EventLoop& loop, Accept accept) {
  state_->loop = &loop;
  state_->accept = std::move(accept);
  state_->begin();
}

void Listener::stop() { state_->end(); }

std::uint64_t Listener::failed_accepts() const noexcept {
  return state_->failed_accepts.load(std::memory_order_relaxed);
}

void Listener::on_ready(std::uint32_t) {
  State& state = *state_;
  // The taker of a connection may stop the listener.
  for (int i = 0; i < state.options.accepts_per_turn && state.watching; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    Socket accepted(
        accept4(state.socket.fd(), reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) {
      state.accept(std::move(accepted), peer_text(peer, length));
      continue;
    }
    const int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK) return;
    if (is_of_the_peer(error)) continue;
    if (is_shortage(error)) state.failed_accepts.fetch_add(1, std::memory_order_relaxed);
    // The kernel goes on reporting the connection that could not be taken: watching on would be spinning.
    state.pause();
  }
}

}  // namespace pyserver
