// Connection: one HTTP/2 connection of a load client, on nghttp2 and a non-blocking socket, which sends the same gRPC
// message over and over and says when each answer was complete.
//
// Single-threaded. Does not wait by itself: the owner polls fd() and calls on_ready(). What goes wrong with one request
// is told in its Outcome; a connection that breaks ends all its requests and throws std::runtime_error.
#pragma once

#include <nghttp2/nghttp2.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace probe {

using Clock = std::chrono::steady_clock;

// What became of one request.
struct Outcome {
  Clock::time_point due;   // when it should have been sent
  Clock::time_point sent;  // when it was given to nghttp2
  Clock::time_point done;  // when its stream ended
  bool ok = false;         // HTTP status 200 and grpc-status 0
  std::size_t bytes = 0;   // of the body of the response
};

// What every request says.
struct Message {
  std::string authority;
  std::string path;
  std::vector<std::uint8_t> body;  // with gRPC's prefix of five bytes
};

class Connection {
 public:
  using OnOutcome = std::function<void(const Outcome&)>;

  // Connects to HOST:PORT or unix:PATH; throws std::runtime_error. `message` must outlive the connection.
  Connection(const std::string& address, const Message& message, OnOutcome on_outcome);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const noexcept { return fd_; }
  std::size_t in_flight() const noexcept { return requests_.size(); }
  // The socket would not take all: call on_ready() when it is writable.
  bool wants_to_write() const noexcept { return written_ < unwritten_.size(); }

  // One request more. Above what the server allows at once, nghttp2 holds it back.
  void send(Clock::time_point due);
  // Reads what is there, and writes what waits.
  void on_ready();

 private:
  struct Request {
    Outcome outcome;
    std::size_t body_sent = 0;
    bool http_ok = false;
    bool grpc_ok = false;
  };
  struct Callbacks;  // nghttp2's

  void open_session();
  void read();
  void write();

  const Message& message_;
  const OnOutcome on_outcome_;
  int fd_ = -1;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, std::unique_ptr<Request>> requests_;  // by stream
  std::vector<std::uint8_t> unwritten_;
  std::size_t written_ = 0;  // of unwritten_
};

}  // namespace probe
