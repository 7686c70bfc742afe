// LoopThread: an event loop, its thread, and the connections that live on it.
//
// ServerScope: what all loops of a server share. Everything in it outlives them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/event_loop.h"
#include "net/tls.h"
#include "server/infer_service.h"
#include "server/server_state.h"
#include "transport/connection.h"
#include "transport/handed_calls.h"
#include "transport/method_table.h"
#include "transport/native_server.h"
#include "transport/request_log.h"

namespace pyserver {

// Calls that are underway, and waiting for there to be none. Thread-safe.
class CallCount {
 public:
  void begin() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
  void end();
  bool wait_for_none(std::chrono::milliseconds patience);

 private:
  std::atomic<std::int64_t> count_{0};
  std::atomic<bool> awaited_{false};
  std::mutex mutex_;
  std::condition_variable none_;
};

// The way back onto a loop for what was begun there and ends on another thread. It may outlive the loop's thread and
// the server: what is posted then is destroyed with it.
struct WayBack {
  std::unique_ptr<EventLoop> loop;
  std::shared_ptr<RequestLog> request_log;
};

struct ServerScope {
  InferService& service;
  ModelTable& models;
  const ServerState& state;
  BufferPool& pool;
  Clock& clock;
  const NativeServerOptions& options;
  const MethodTable& methods;
  NativeServerCounters& counters;
  HandedCallQueue& handed_calls;
  std::shared_ptr<RequestLog> request_log;
  CallCount& calls;
  std::atomic<std::size_t>& connections;
  const std::atomic<bool>& draining;
};

class LoopThread {
 public:
  static Result<std::unique_ptr<LoopThread>> create(const ServerScope& scope);
  // stop() must have been called if start() was.
  ~LoopThread();

  Status start(int number);
  // Any thread: a connection for this loop. Without `tls`, in cleartext.
  void take(Socket socket, std::string peer, std::shared_ptr<TlsContext> tls);
  // Any thread.
  void drain();
  // Any thread but the loop's: ends every connection, then the loop and its thread.
  void stop(const Status& status);

  // For what follows: the loop's thread only.
  EventLoop& loop() noexcept { return *way_back_->loop; }
  const std::shared_ptr<WayBack>& way_back() const noexcept { return way_back_; }
  const ServerScope& scope() const noexcept { return scope_; }
  // What every connection of this loop reads into, so that an idle connection holds no memory for it.
  std::span<std::byte> read_buffer() noexcept { return {read_buffer_.get(), kReadBufferBytes}; }
  // What connections produce into, for the same reason; empty between two flushes.
  OutputQueue& output() noexcept { return output_; }
  // Destroys the connection when the loop's turn is over.
  void remove(Connection& connection);

 private:
  // Small enough that what the kernel has written is still in the cache when it is copied on: with 256 KB, requests of
  // 600 KB cost a fifth more (bench/overhead).
  static constexpr std::size_t kReadBufferBytes = 64 * 1024;
  class Reaper;

  LoopThread(const ServerScope& scope, std::unique_ptr<EventLoop> loop);
  void add(Socket socket, std::string peer, const std::shared_ptr<TlsContext>& tls);

  const ServerScope& scope_;
  std::shared_ptr<WayBack> way_back_;
  std::unique_ptr<std::byte[]> read_buffer_;
  OutputQueue output_;
  Connection* connections_ = nullptr;
  std::vector<std::unique_ptr<Connection>> removed_;
  std::unique_ptr<Reaper> reaper_;
  std::thread thread_;
};

}  // namespace pyserver
