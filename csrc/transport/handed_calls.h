// Calls that are not answered by the core: they are handed to someone on another thread (Python), as events to take
// and a handle to answer by.
//
// HandedCallQueue and HandedCall are thread-safe. The loops' threads never wait for whoever takes the events.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "grpc/server_call.h"
#include "net/byte_stream.h"
#include "net/event_loop.h"

namespace pyserver {

class Connection;
class HandedCall;
class HandedReceiver;
class Receiver;
struct WayBack;

struct HandedEvent {
  enum class Kind {
    kCall,       // first: the call has begun (its messages may be far away yet)
    kMessage,    // `message`
    kHalfClose,  // no more messages
    kWritable,   // HandedCall::backlog() has fallen below the low-water mark
    kDrain,      // the server drains: a call that could go on for ever should come to its end
    kCancelled,  // last: the call is gone before it was finished (peer, connection, deadline, stop)
    kFinished,   // last: all is sent
  };
  Kind kind = Kind::kCall;
  std::shared_ptr<HandedCall> call;
  ReceivedMessage message;
  // With kCancelled: what a servicer would see as the call's code: CANCELLED, DEADLINE_EXCEEDED or UNAVAILABLE, and
  // why.
  Status reason;
};

// The way of events out of the loops.
class HandedCallQueue {
 public:
  HandedCallQueue();
  ~HandedCallQueue();
  HandedCallQueue(const HandedCallQueue&) = delete;
  HandedCallQueue& operator=(const HandedCallQueue&) = delete;

  // Readable while there are events.
  int fd() const noexcept { return fd_; }
  void put(HandedEvent event);
  // All there are, in the order in which they came (of one call; calls of different loops mix).
  std::vector<HandedEvent> take();

 private:
  const int fd_;
  std::mutex mutex_;
  std::vector<HandedEvent> events_;  // guarded by mutex_
};

// What a loop shares with whoever answers. Everything sent after the call is gone is dropped.
class HandedCall : public std::enable_shared_from_this<HandedCall> {
 public:
  HandedCall(Connection& connection, ServerCall& call, Metadata metadata, HandedReceiver& receiver);

  // Unchanging.
  const std::string& path() const noexcept { return path_; }
  const Metadata& metadata() const noexcept { return metadata_; }
  const std::string& peer() const noexcept { return peer_; }
  const PeerIdentity& identity() const noexcept { return *identity_; }
  TimePoint deadline() const noexcept { return deadline_; }
  TimePoint received() const noexcept { return received_; }

  // Each is passed on to the loop's thread and done there, in order; see ServerCall. Metadata must have passed
  // check_metadata().
  void send_initial_metadata(Metadata metadata);
  void set_compression(Compression compression);
  void send_message(Buffer message, bool compress);
  void finish(Status status, Metadata trailing, std::string details);
  void taken(std::size_t bytes);

  // Bytes that were given to send_message() and are not yet on their way to the socket.
  std::size_t backlog() const noexcept { return backlog_.load(std::memory_order_relaxed); }

 private:
  friend class HandedReceiver;
  template <typename Action>
  void on_loop(Action action);

  const std::shared_ptr<WayBack> way_back_;
  HandedReceiver* receiver_;  // on the loop's thread only; nullptr once the call is gone
  const std::string path_;
  const Metadata metadata_;
  const std::string peer_;
  const std::shared_ptr<const PeerIdentity> identity_;
  const TimePoint received_;
  const TimePoint deadline_;
  std::atomic<std::size_t> backlog_{0};
};

// The receiver on the loop's side; arms a timer for the call's deadline (DEADLINE_EXCEEDED).
std::unique_ptr<Receiver> hand_over(Connection& connection, ServerCall& call);

}  // namespace pyserver
