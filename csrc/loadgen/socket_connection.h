// SocketConnection: a Connection over a socket: connects, sends what there is to send in one write a turn, and connects
// again when it breaks (after 10 ms, then twice as long every time, up to a second).
//
// What is said over it is up to who derives from it.
#pragma once

#include <memory>
#include <string_view>

#include "http2/output_queue.h"
#include "loadgen/connection.h"
#include "net/byte_stream.h"

namespace pyserver::loadgen {

class SocketConnection : public Connection, private Poller::Watcher {
 public:
  ~SocketConnection() override;

  void start() final { connect(); }
  bool open() const noexcept final { return state_ == State::kOpen; }
  const Status& problem() const noexcept final { return problem_; }
  void flush() final;
  void tick(Nanos now) final;
  std::uint64_t times_opened() const noexcept final { return times_opened_; }

 protected:
  explicit SocketConnection(const ConnectionScope& scope) : scope_(scope) {}

  // The socket is connected: the protocol begins. It calls opened() when requests can be sent, now or later.
  virtual void on_connected() = 0;
  // Not OK: the connection cannot go on.
  virtual Status on_bytes(std::span<const std::byte> bytes) = 0;
  // The server has closed its side. Whether it may do that now, as it is nothing that anybody suffers from.
  virtual bool ends_well() = 0;
  // The connection is gone: what is in flight fails.
  virtual void on_broken(std::string_view sentence) = 0;
  // It has ended in good order, and another is needed: asked after all that may change it.
  virtual bool finished() const noexcept = 0;
  // Appends what there is to send until `out` holds `enough` bytes.
  virtual void produce(OutputQueue& out, std::size_t enough) = 0;
  // Deadlines of requests in flight.
  virtual Nanos next_timeout() const noexcept = 0;
  virtual void time_out(Nanos now) = 0;

  void opened();
  // Gives the connection up and connects again: at once where it was in good order, else after a pause.
  enum class Then { kReconnectNow, kPause };
  void break_off(const Status& reason, Then then);
  Nanos now() const noexcept { return scope_.clock.last(); }

  const ConnectionScope scope_;

 private:
  enum class State { kClosed, kConnecting, kHandshaking, kConnected, kOpen };

  void on_ready(std::uint32_t readiness) final;
  void connect();
  void try_next_address();
  void continue_connecting();
  void shake_hands();
  void read();
  void want(std::uint32_t readiness);
  void fail_to_connect(const Status& reason);
  void fail(const Status& reason);
  void fail_broken();
  void end();
  void replace_if_finished();

  State state_ = State::kClosed;
  std::size_t next_address_ = 0;
  Status last_refusal_;  // of the address before
  Socket connecting_;    // until it is connected
  std::unique_ptr<ByteStream> stream_;
  int fd_ = -1;  // what is watched
  std::uint32_t wanted_ = 0;
  OutputQueue out_;
  Status problem_;
  Nanos pause_ = 0;                 // before the next attempt
  Nanos retry_at_ = kNeverNanos;    // while closed
  Nanos give_up_at_ = kNeverNanos;  // while connecting
  std::uint64_t times_opened_ = 0;
};

}  // namespace pyserver::loadgen
