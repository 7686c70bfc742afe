// Connection: one client's connection: moves bytes between its socket and its HTTP/2 session.
//
// Belongs to its loop; owned by its LoopThread, which destroys it after close(). What is to be sent is gathered during
// a turn of the loop and written once, at the turn's end.
#pragma once

#include <cstdint>
#include <memory>

#include "grpc/server_call.h"
#include "http2/session.h"
#include "net/byte_stream.h"
#include "net/event_loop.h"
#include "transport/receiver.h"

namespace pyserver {

class LoopThread;
struct ServerScope;

class Connection final : private EventLoop::Watcher,
                         private EventLoop::Timer,
                         private EventLoop::Deferred,
                         private Http2Connection,
                         private CallRouter {
 public:
  Connection(LoopThread& thread, std::unique_ptr<ByteStream> stream);
  ~Connection() override;

  // Watches the socket. A failure closes the connection.
  void start();
  // Something was sent on one of its calls: it is written at the end of the turn.
  void flush_later();
  // GOAWAY; calls that could go on for ever are told.
  void drain();
  // Ends every call with `status`, says good-bye, writes what the socket takes, and closes.
  void stop(const Status& status);

  LoopThread& thread() noexcept { return thread_; }
  EventLoop& loop() noexcept;
  const ServerScope& scope() const noexcept;
  const std::string& peer() const noexcept { return stream_->peer(); }
  // Made once, for calls that are handed to other threads.
  std::shared_ptr<const PeerIdentity> identity();

 private:
  friend class LoopThread;
  friend class Receiver;

  void on_ready(std::uint32_t readiness) override;
  void on_time() override;
  void on_end_of_turn() override;
  std::unique_ptr<Http2Exchange> on_request(StreamId stream, HeaderList& headers) override;
  std::unique_ptr<CallReceiver> route(ServerCall& call) override;
  bool knows(std::string_view path) const override;

  bool shake_hands();
  void read();
  void flush();
  void keep_unsent(OutputQueue& output);
  void watch(std::uint32_t readiness);
  void arm_timer();
  void close();

  LoopThread& thread_;
  std::unique_ptr<ByteStream> stream_;
  Http2Session session_;
  CallContext context_;
  std::unique_ptr<OutputQueue> unsent_;  // what the socket did not take, nullptr where it took all
  std::shared_ptr<const PeerIdentity> identity_;
  Receiver* receivers_ = nullptr;
  TimePoint timer_at_ = kNever;
  TimePoint handshake_deadline_ = kNever;
  TimePoint linger_deadline_ = kNever;  // the session has ended, and its last bytes are not taken
  std::uint32_t watched_ = 0;
  bool open_ = false;        // the handshake is done
  bool read_ended_ = false;  // the peer has ended its side
  bool closed_ = false;
  bool read_wants_write_ = false;  // TLS
  bool read_on_ = false;           // TLS may hold bytes that epoll does not see
  // The loop's list of its connections.
  Connection* previous_ = nullptr;
  Connection* next_ = nullptr;
};

}  // namespace pyserver
