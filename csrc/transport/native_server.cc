#include "transport/native_server.h"

#include <netinet/in.h>

#include <algorithm>
#include <mutex>

#include "base/text.h"
#include "net/listener.h"
#include "net/task.h"
#include "transport/loop_thread.h"
#include "transport/method_table.h"

namespace pyserver {
namespace {

constexpr std::string_view kStopping = "the server is stopping";

struct Port {
  std::unique_ptr<Listener> listener;
  std::shared_ptr<TlsContext> tls;
};

// So that a name that stands for several addresses is served on one port, where any would do.
void take_port(SocketAddress& address, std::uint16_t port) {
  if (address.storage.ss_family == AF_INET) {
    auto& in = reinterpret_cast<sockaddr_in&>(address.storage);
    if (in.sin_port == 0) in.sin_port = htons(port);
  } else if (address.storage.ss_family == AF_INET6) {
    auto& in6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    if (in6.sin6_port == 0) in6.sin6_port = htons(port);
  }
}

}  // namespace

struct NativeServer::State {
  State(InferService& service, ModelTable& models, const ServerState& server_state, std::shared_ptr<BufferPool> pool_,
        Clock& clock, const NativeServerOptions& options_)
      : options(options_), pool(std::move(pool_)), scope{service, models,      server_state, *pool,        clock,
                                                         options, methods,     counters,     handed_calls, request_log,
                                                         calls,   connections, draining} {}

  // The listeners are watched by the first loop, which deals the connections out.
  LoopThread& accepting_loop() { return *loops.front(); }

  void accept(Socket socket, std::string peer, const std::shared_ptr<TlsContext>& tls) {
    if (connections.fetch_add(1, std::memory_order_relaxed) >= options.max_connections) {
      connections.fetch_sub(1, std::memory_order_relaxed);
      counters.connections_refused.add();
      return;
    }
    loops[next_loop++ % loops.size()]->take(std::move(socket), std::move(peer), tls);
  }

  const NativeServerOptions options;
  const std::shared_ptr<BufferPool> pool;
  MethodTable methods;
  NativeServerCounters counters;
  HandedCallQueue handed_calls;
  const std::shared_ptr<RequestLog> request_log = std::make_shared<RequestLog>();
  CallCount calls;
  std::atomic<std::size_t> connections{0};
  std::atomic<bool> draining{false};
  const ServerScope scope;
  std::vector<std::unique_ptr<LoopThread>> loops;
  std::size_t next_loop = 0;  // accepting loop's thread

  std::mutex life_mutex;  // guards what follows
  std::vector<Port> ports;
  bool started = false;
  bool stopped = false;
};

NativeServer::NativeServer(InferService& service, ModelTable& models, const ServerState& state,
                           std::shared_ptr<BufferPool> pool, Clock& clock, const NativeServerOptions& options)
    : state_(std::make_unique<State>(service, models, state, std::move(pool), clock, options)) {}

NativeServer::~NativeServer() { stop(); }

void NativeServer::add_infer_method(const std::string& path, Protocol protocol) {
  state_->methods.add(path, {.kind = Method::Kind::kInfer, .protocol = protocol});
}

void NativeServer::add_state_method(const std::string& path, StateQuestion question) {
  state_->methods.add(path, {.kind = Method::Kind::kState, .question = question});
}

void NativeServer::add_handed_path(const std::string& path) {
  state_->methods.add(path, {.kind = Method::Kind::kHanded});
}

Result<std::uint16_t> NativeServer::add_port(const std::string& address, std::shared_ptr<TlsContext> tls) {
  std::lock_guard lock(state_->life_mutex);
  if (state_->started) return failed_precondition("ports are added before the server starts");
  Result<std::vector<SocketAddress>> resolved = resolve(address);
  if (!resolved.ok()) return std::move(resolved).status();
  // A name may stand for several addresses: all of them, on one port.
  std::uint16_t port = 0;
  for (SocketAddress& one : *resolved) {
    take_port(one, port);
    Result<std::unique_ptr<Listener>> listener = Listener::open(one);
    if (!listener.ok()) return std::move(listener).status();
    port = (*listener)->port();
    state_->ports.push_back({*std::move(listener), tls});
  }
  return port;
}

Status NativeServer::start() {
  std::lock_guard lock(state_->life_mutex);
  if (state_->started) return failed_precondition("the server was started before");
  for (std::uint32_t number = 0; number < std::max(state_->options.io_threads, 1U); ++number) {
    Result<std::unique_ptr<LoopThread>> loop = LoopThread::create(state_->scope);
    if (!loop.ok()) return std::move(loop).status();
    state_->loops.push_back(*std::move(loop));
  }
  for (Port& port : state_->ports) {
    port.listener->start(state_->accepting_loop().loop(),
                         [state = state_.get(), tls = port.tls](Socket socket, std::string peer) {
                           state->accept(std::move(socket), std::move(peer), tls);
                         });
  }
  state_->started = true;
  int number = 0;
  for (const std::unique_ptr<LoopThread>& loop : state_->loops) PYSERVER_RETURN_IF_ERROR(loop->start(number++));
  return {};
}

void NativeServer::drain() {
  std::lock_guard lock(state_->life_mutex);
  if (!state_->started || state_->draining.exchange(true)) return;
  // A listener belongs to its loop.
  state_->accepting_loop().loop().post(make_task([ports = std::move(state_->ports)]() mutable { ports.clear(); }));
  for (const std::unique_ptr<LoopThread>& loop : state_->loops) loop->drain();
}

bool NativeServer::wait_until_idle(std::chrono::milliseconds patience) { return state_->calls.wait_for_none(patience); }

void NativeServer::stop() {
  drain();
  std::lock_guard lock(state_->life_mutex);
  if (state_->stopped) return;
  state_->stopped = true;
  for (const std::unique_ptr<LoopThread>& loop : state_->loops) loop->stop(unavailable(std::string(kStopping)));
  state_->ports.clear();
}

HandedCallQueue& NativeServer::handed_calls() noexcept { return state_->handed_calls; }
RequestLog& NativeServer::request_log() noexcept { return *state_->request_log; }
const NativeServerCounters& NativeServer::counters() const noexcept { return state_->counters; }
std::size_t NativeServer::connections() const noexcept { return state_->connections.load(std::memory_order_relaxed); }

}  // namespace pyserver
