// Connection: what a worker gives requests to, and which tells the recorder what becomes of them.
//
// Belongs to its worker's thread. Every request that it has begun ends exactly once: answered or failed by the
// connection itself, or lost by abandon().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "loadgen/answer_reader.h"
#include "loadgen/plan.h"
#include "loadgen/poller.h"
#include "loadgen/recorder.h"
#include "loadgen/requests.h"
#include "loadgen/target.h"

namespace pyserver::loadgen {

// The time of one thread of a run.
class RunClock {
 public:
  // Nanoseconds since the run's start; before it, negative.
  Nanos now() noexcept { return now_ = steady_now() - origin_; }
  // What now() said last: good enough where nothing was waited for since.
  Nanos last() const noexcept { return now_; }
  Nanos origin() const noexcept { return origin_; }
  // From here on, 0 is that moment of the steady clock.
  void start_at(Nanos origin) noexcept {
    origin_ = origin;
    now();
  }

 private:
  Nanos origin_ = 0;
  Nanos now_ = 0;
};

class Connection;

// The worker, as its connections see it.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  // Requests have ended or the connection was opened: it may have room. The owner begins what it has; the connection
  // flushes it.
  virtual void on_room(Connection& connection) = 0;
};

// What a connection needs of its worker. All of it outlives the connection.
struct ConnectionScope {
  const LoadTarget& target;
  const LoadRequests& requests;
  const LoadPlan& plan;
  Poller& poller;
  Recorder& recorder;
  RunClock& clock;
  AnswerReader& answers;
  std::span<std::byte> read_buffer;
  ConnectionOwner& owner;
  std::size_t most_in_flight;  // on this connection
};

class Connection {
 public:
  virtual ~Connection() = default;

  // Begins to connect; called once.
  virtual void start() = 0;
  // It takes requests now, or would if it were not full.
  virtual bool open() const noexcept = 0;
  // Why it could not be opened the last time that it was tried; OK where nothing failed since it was open.
  virtual const Status& problem() const noexcept = 0;

  // How many more requests can begin now; 0 while it is not open.
  virtual std::size_t room() const noexcept = 0;
  virtual std::size_t in_flight() const noexcept = 0;
  // Begins a request. Only where there is room. flush() sends it.
  virtual void begin(const Ticket& ticket, std::uint32_t body) = 0;
  virtual void flush() = 0;

  // Every few milliseconds: time-outs of requests, and the next attempt to connect.
  virtual void tick(Nanos now) = 0;

  // The run is over: what is in flight is lost. Nothing may be called after it.
  virtual void abandon() = 0;

  // How often it was opened.
  virtual std::uint64_t times_opened() const noexcept = 0;
};

}  // namespace pyserver::loadgen
