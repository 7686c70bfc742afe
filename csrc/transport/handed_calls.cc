#include "transport/handed_calls.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "net/task.h"
#include "transport/connection.h"
#include "transport/loop_thread.h"

namespace pyserver {

HandedCallQueue::HandedCallQueue() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

HandedCallQueue::~HandedCallQueue() {
  if (fd_ >= 0) ::close(fd_);
}

void HandedCallQueue::put(HandedEvent event) {
  std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
  if (events_.size() == 1) ::eventfd_write(fd_, 1);
}

std::vector<HandedEvent> HandedCallQueue::take() {
  std::lock_guard lock(mutex_);
  eventfd_t ignored = 0;
  ::eventfd_read(fd_, &ignored);
  return std::exchange(events_, {});
}

// The loop's side of a call that was handed out.
class HandedReceiver final : public Receiver, private EventLoop::Timer {
 public:
  HandedReceiver(Connection& connection, ServerCall& call, Metadata metadata)
      : Receiver(connection, call),
        queue_(connection.scope().handed_calls),
        handed_(std::make_shared<HandedCall>(connection, call, std::move(metadata), *this)) {
    if (handed_->deadline() != kNever) connection.loop().arm(*this, handed_->deadline());
    put(HandedEvent::Kind::kCall);
  }
  ~HandedReceiver() override { end_with(HandedEvent::Kind::kCancelled, cancelled("the call is gone")); }

  using Receiver::call;
  using Receiver::connection;

  void on_message(ReceivedMessage message) override {
    if (handed_ != nullptr) queue_.put({HandedEvent::Kind::kMessage, handed_, std::move(message), {}});
  }
  void on_half_close() override { put(HandedEvent::Kind::kHalfClose); }
  void on_writable() override {
    settle();
    put(HandedEvent::Kind::kWritable);
  }
  void on_drain() override { put(HandedEvent::Kind::kDrain); }
  void on_cancelled(CancelReason reason) override {
    Receiver::on_cancelled(reason);
    end_with(HandedEvent::Kind::kCancelled,
             cancelled(reason == CancelReason::kByPeer ? "the caller cancelled the call" : "the connection is lost"));
  }
  void on_finished() override {
    Receiver::on_finished();
    end_with(HandedEvent::Kind::kFinished, {});
  }
  void end(const Status& status) override {
    Receiver::end(status);
    end_with(HandedEvent::Kind::kCancelled, status);
  }

  // What HandedCall counts as waiting is brought in line with what waits here.
  void settle() {
    if (call() != nullptr && handed_ != nullptr) {
      handed_->backlog_.store(call()->backlog(), std::memory_order_relaxed);
    }
  }

 private:
  void on_time() override {
    const Status status = deadline_exceeded("the deadline of the call has passed");
    finish(status);
    end_with(HandedEvent::Kind::kCancelled, status);
  }

  void put(HandedEvent::Kind kind) {
    if (handed_ != nullptr) queue_.put({kind, handed_, {}, {}});
  }

  void end_with(HandedEvent::Kind kind, Status reason) {
    if (handed_ == nullptr) return;
    connection().loop().disarm(*this);
    handed_->receiver_ = nullptr;
    queue_.put({kind, std::move(handed_), {}, std::move(reason)});
    handed_ = nullptr;
  }

  HandedCallQueue& queue_;
  std::shared_ptr<HandedCall> handed_;  // nullptr after the last event
};

HandedCall::HandedCall(Connection& connection, ServerCall& call, Metadata metadata, HandedReceiver& receiver)
    : way_back_(connection.thread().way_back()),
      receiver_(&receiver),
      path_(call.head().path),
      metadata_(std::move(metadata)),
      peer_(connection.peer()),
      identity_(connection.identity()),
      received_(call.head().received),
      deadline_(call.head().deadline) {}

// Runs `action` with the ServerCall on its loop, unless the call is gone by then.
template <typename Action>
void HandedCall::on_loop(Action action) {
  way_back_->loop->post(make_task([self = shared_from_this(), action = std::move(action)]() mutable {
    if (self->receiver_ == nullptr || self->receiver_->call() == nullptr) return;
    HandedReceiver& receiver = *self->receiver_;
    action(*receiver.call());
    receiver.connection().flush_later();
  }));
}

void HandedCall::send_initial_metadata(Metadata metadata) {
  on_loop([metadata = std::move(metadata)](ServerCall& call) { call.send_initial_metadata(metadata); });
}

void HandedCall::set_compression(Compression compression) {
  on_loop([compression](ServerCall& call) { call.set_compression(compression); });
}

void HandedCall::send_message(Buffer message, bool compress) {
  backlog_.fetch_add(message.size(), std::memory_order_relaxed);
  on_loop([self = this, message = std::move(message), compress](ServerCall& call) mutable {
    // A message that is too large ends the call, which the taker is told as its last event.
    (void)call.send_message(std::move(message), compress);
    if (self->receiver_ != nullptr) self->receiver_->settle();
  });
}

void HandedCall::finish(Status status, Metadata trailing, std::string details) {
  on_loop([status = std::move(status), trailing = std::move(trailing), details = std::move(details)](ServerCall& call) {
    call.finish(status, trailing, details);
  });
}

void HandedCall::taken(std::size_t bytes) {
  on_loop([bytes](ServerCall& call) { call.taken(bytes); });
}

std::unique_ptr<Receiver> hand_over(Connection& connection, ServerCall& call) {
  Result<Metadata> metadata = call.head().metadata();
  if (!metadata.ok()) {
    // The call ends here; its receiver only waits for that.
    auto receiver = std::make_unique<Receiver>(connection, call);
    call.finish(metadata.status());
    connection.flush_later();
    return receiver;
  }
  return std::make_unique<HandedReceiver>(connection, call, *std::move(metadata));
}

}  // namespace pyserver
