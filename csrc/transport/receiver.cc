#include "transport/receiver.h"

#include "transport/connection.h"
#include "transport/loop_thread.h"

namespace pyserver {

Receiver::Receiver(Connection& connection, ServerCall& call) : connection_(connection), call_(&call) {
  next_ = connection.receivers_;
  if (next_ != nullptr) next_->previous_ = this;
  connection.receivers_ = this;
  connection.scope().calls.begin();
}

Receiver::~Receiver() {
  (previous_ == nullptr ? connection_.receivers_ : previous_->next_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  connection_.scope().calls.end();
}

void Receiver::end(const Status& status) { finish(status); }

void Receiver::finish(const Status& status) {
  if (call_ == nullptr) return;
  call_->finish(status);
  connection_.flush_later();
}

void UnaryReceiver::on_message(ReceivedMessage message) {
  if (has_request_) {
    return finish({StatusCode::kUnimplemented, "the method takes one request, and a second one came"});
  }
  has_request_ = true;
  request_ = std::move(message.bytes);
}

void UnaryReceiver::on_half_close() {
  if (call() == nullptr || call()->finished()) return;
  if (!has_request_) {
    return finish({StatusCode::kUnimplemented, "the method takes one request, and none came"});
  }
  answer(std::move(request_));
}

}  // namespace pyserver
