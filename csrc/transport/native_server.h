// NativeServer: gRPC over HTTP/2 on sockets of our own: listeners, event loops, connections, and who answers what.
//
// Methods that run models are answered by the core without leaving it; all others are handed out (handed_calls.h).
// Thread-safe. Life: add methods and ports → start() → drain() → stop(). Nothing can be added after start().
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "grpc/server_call.h"
#include "http2/limits.h"
#include "memory/buffer_pool.h"
#include "net/tls.h"
#include "server/infer_service.h"
#include "server/server_state.h"
#include "transport/handed_calls.h"
#include "transport/request_log.h"
#include "transport/state_calls.h"

namespace pyserver {

struct NativeServerOptions {
  // Event loops, a thread each.
  std::uint32_t io_threads = 1;
  std::uint32_t max_connections = 10'000;
  std::chrono::milliseconds tls_handshake_timeout{10'000};
  Http2Limits http2;
  GrpcLimits grpc;
};

// Lock-free to write; what a metrics page shows.
struct NativeServerCounters {
  Http2Counters http2;
  GrpcCounters grpc;
  Counter connections_refused;  // beyond max_connections
  Counter tls_handshakes_failed, tls_handshake_timeouts;
};

class NativeServer {
 public:
  // All must outlive the server.
  NativeServer(InferService& service, ModelTable& models, const ServerState& state, std::shared_ptr<BufferPool> pool,
               Clock& clock, const NativeServerOptions& options);
  ~NativeServer();  // stops at once

  void add_infer_method(const std::string& path, Protocol protocol);
  void add_state_method(const std::string& path, StateQuestion question);
  // Paths that the taker of handed calls answers. It is handed calls of other paths too (and may find no one for them);
  // this tells a request that is not gRPC whether it asked for something that is there.
  void add_handed_path(const std::string& path);

  // Listens; the port that was bound (0 for a Unix socket). UNAVAILABLE or INVALID_ARGUMENT with the reason.
  Result<std::uint16_t> add_port(const std::string& address, std::shared_ptr<TlsContext> tls);

  Status start();
  // Takes no more connections or calls (GOAWAY), lets those underway go on.
  void drain();
  // Waits up to `patience` for there to be no call underway; whether there is none.
  bool wait_until_idle(std::chrono::milliseconds patience);
  // Ends what is left: calls get UNAVAILABLE, connections GOAWAY; then the loops end. Called twice, it does nothing.
  void stop();

  HandedCallQueue& handed_calls() noexcept;
  RequestLog& request_log() noexcept;
  const NativeServerCounters& counters() const noexcept;
  std::size_t connections() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pyserver
