// What every call that this server answers shares: it knows its connection, is counted, and can be ended from above.
//
// Belongs to its connection's loop.
#pragma once

#include "base/status.h"
#include "grpc/server_call.h"

namespace pyserver {

class Connection;

class Receiver : public CallReceiver {
 public:
  Receiver(Connection& connection, ServerCall& call);
  ~Receiver() override;
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  // The server drains: a call that could go on for ever should come to its end.
  virtual void on_drain() {}
  // The server's patience is over.
  virtual void end(const Status& status);

  void on_message(ReceivedMessage) override {}
  void on_half_close() override {}
  void on_writable() override {}
  void on_cancelled(CancelReason) override { call_ = nullptr; }
  void on_finished() override { call_ = nullptr; }

 protected:
  // nullptr once the call is gone.
  ServerCall* call() noexcept { return call_; }
  Connection& connection() noexcept { return connection_; }
  // Ends the call; what is sent goes out at the end of the loop's turn.
  void finish(const Status& status);

 private:
  friend class Connection;
  Connection& connection_;
  ServerCall* call_;
  // The connection's list of its receivers.
  Receiver* previous_ = nullptr;
  Receiver* next_ = nullptr;
};

// A call of one request and one answer: asks for its answer when the request is complete.
class UnaryReceiver : public Receiver {
 public:
  using Receiver::Receiver;

  void on_message(ReceivedMessage message) final;
  void on_half_close() final;

 protected:
  // The request is complete. Called once.
  virtual void answer(Buffer request) = 0;

 private:
  Buffer request_;
  bool has_request_ = false;
};

}  // namespace pyserver
