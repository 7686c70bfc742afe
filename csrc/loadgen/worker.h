// Worker: one thread of a load run, with its share of the connections and of the requests.
//
// Created, started and joined by its LoadRun. Its life: connect → wait for the common start → send what is due, and
// read what is answered → wait for what is in flight → hand over.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http2/client_session.h"
#include "loadgen/connection.h"
#include "loadgen/run_board.h"
#include "loadgen/schedule.h"

namespace pyserver::loadgen {

enum class RunOrder {
  kGo,
  kStop,     // send nothing new, wait for what is in flight
  kAbandon,  // nobody wants to know any more
};

class Worker final : private ConnectionOwner {
 public:
  // All must outlive the worker.
  struct Scope {
    const LoadTarget& target;
    const LoadRequests& requests;
    const LoadPlan& plan;
    const Http2RequestHead& grpc_head;
    const std::string& http1_head;
    RunBoard& board;
    const std::atomic<RunOrder>& order;
  };
  // `index` of `plan.threads`. RESOURCE_EXHAUSTED where the system has no more file descriptors.
  static Result<std::unique_ptr<Worker>> create(const Scope& scope, std::size_t index);
  ~Worker() override;

  // The thread's work; returns when the run is over.
  void run();
  // There is a new order. Any thread.
  void wake() noexcept { poller_->wake(); }

 private:
  Worker(const Scope& scope, std::size_t index, std::unique_ptr<Poller> poller);

  void make_connections();
  std::unique_ptr<Connection> make_connection(const ConnectionScope& its) const;
  // OK when all are open.
  Status connect();
  void send_load();
  void drain();
  void finish();

  // Closed loop: keeps the connection full. Open loop: what waits is given out once a turn.
  void on_room(Connection& connection) override;
  // Open loop: begins and sends what is due, as far as it fits.
  void send_arrivals(Nanos now);
  void begin_on(Connection& connection, Nanos now);
  // The next in turn; nullptr where all are full.
  Connection* connection_with_room() noexcept;
  // What waited for longer than the time-out.
  void fail_overdue(Nanos now);
  // Until something happens, but not beyond `until`.
  void wait(Nanos until);
  void tick(Nanos now);
  RunOrder order() const noexcept { return scope_.order.load(std::memory_order_relaxed); }
  bool load_has_ended(Nanos now) const noexcept;
  bool arrivals_wait(Nanos now) const noexcept { return schedule_.open_loop() && schedule_.next_due() <= now; }

  const Scope scope_;
  const std::size_t index_;
  std::unique_ptr<Poller> poller_;
  Recorder recorder_;
  AnswerReader answers_;
  RunClock clock_;
  Schedule schedule_;
  std::vector<std::byte> read_buffer_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> unflushed_;
  std::size_t next_connection_ = 0;  // open loop: in turn
  Nanos next_tick_ = 0;
  enum class Phase { kConnecting, kSending, kDraining };
  Phase phase_ = Phase::kConnecting;
  Nanos load_end_ = kNeverNanos;
  std::optional<Nanos> cpu_before_;  // what the thread had used when the measured part began
};

}  // namespace pyserver::loadgen
