#include "transport/infer_calls.h"

#include <deque>
#include <utility>

#include "transport/connection.h"
#include "transport/loop_thread.h"

namespace pyserver {
namespace {

class InferReply;

// Who waits for a reply. Loop's thread.
class ReplyTaker {
 public:
  virtual void on_reply(InferReply& reply) = 0;

 protected:
  ~ReplyTaker() = default;
};

// The answer to one request, on its way from an instance's thread to the connection's loop.
class InferReply final : public EventLoop::Task {
 public:
  explicit InferReply(ReplyTaker& taker) : taker_(&taker) {}

  void run() override {
    if (taker_ != nullptr) taker_->on_reply(*this);
  }
  // The taker is going: the reply will find nobody.
  void forget() noexcept { taker_ = nullptr; }

  InferResult result;
  InferCall call;
  std::size_t request_bytes = 0;
  // The taker's list of the replies that it waits for.
  InferReply* previous = nullptr;
  InferReply* next = nullptr;

 private:
  ReplyTaker* taker_;  // loop's thread only
};

// The core's side of a reply: keeps the request's bytes while the core needs them.
class PostedCompletion final : public InferCompletion {
 public:
  PostedCompletion(Connection& connection, std::unique_ptr<InferReply> reply, Buffer request)
      : way_back_(connection.thread().way_back()), reply_(std::move(reply)), request_(std::move(request)) {}

  std::shared_ptr<const void> share_request() override {
    shared_ = std::make_shared<const Buffer>(std::move(request_));
    return shared_;
  }

  void done(InferResult result) override {
    way_back_->request_log->put(result);
    reply_->result = std::move(result);
    way_back_->loop->post(std::move(reply_));
  }

 private:
  const std::shared_ptr<WayBack> way_back_;
  std::unique_ptr<InferReply> reply_;
  Buffer request_;
  std::shared_ptr<const Buffer> shared_;  // the request's bytes, once they are shared
};

// Hands one message to the core. The reply belongs to the core until it is posted, then to the loop; `taker` is told
// once, unless it has called forget().
InferReply& begin(Connection& connection, ServerCall& call, Protocol protocol, Buffer message, ReplyTaker& taker) {
  auto reply = std::make_unique<InferReply>(taker);
  InferReply& begun = *reply;
  begun.request_bytes = message.size();
  const std::span<const std::byte> bytes = message.bytes();
  auto completion = std::make_unique<PostedCompletion>(connection, std::move(reply), std::move(message));
  InferCall infer_call = connection.scope().service.infer(protocol, bytes, call.head().received, call.head().deadline,
                                                          std::move(completion));
  // The reply is alive: at the earliest it runs in the next part of this turn, on this thread.
  begun.call = std::move(infer_call);
  return begun;
}

class UnaryInferCall final : public UnaryReceiver, private ReplyTaker {
 public:
  UnaryInferCall(Connection& connection, ServerCall& call, Protocol protocol)
      : UnaryReceiver(connection, call), protocol_(protocol) {}
  ~UnaryInferCall() override { abandon(); }

  void on_cancelled(CancelReason reason) override {
    UnaryReceiver::on_cancelled(reason);
    abandon();
  }

 private:
  void answer(Buffer request) override { reply_ = &begin(connection(), *call(), protocol_, std::move(request), *this); }

  void on_reply(InferReply& reply) override {
    reply_ = nullptr;
    if (call() == nullptr) return;
    InferResult& result = reply.result;
    if (result.status.ok()) {
      const Status sent = call()->send_message(std::move(result.response));
      if (!sent.ok()) return connection().flush_later();
    }
    finish(result.status);
  }

  void abandon() {
    if (reply_ == nullptr) return;
    InferReply& reply = *std::exchange(reply_, nullptr);
    reply.forget();
    reply.call.cancel();
  }

  const Protocol protocol_;
  InferReply* reply_ = nullptr;
};

class StreamInferCall final : public Receiver, private ReplyTaker {
 public:
  // Requests of one stream that may run or wait in the core; while there are so many, nothing more is taken from it.
  static constexpr std::size_t kMaxUnderway = 256;
  static constexpr std::size_t kMaxUnderwayBytes = std::size_t{32} << 20;

  // The caller hears at once that it is heard: from then on the stream may be silent for as long as it likes.
  StreamInferCall(Connection& connection, ServerCall& call, Protocol protocol)
      : Receiver(connection, call), protocol_(protocol) {
    call.send_initial_metadata({});
    connection.flush_later();
  }
  ~StreamInferCall() override { abandon(); }

  void on_message(ReceivedMessage message) override {
    waiting_.push_back(std::move(message.bytes));
    go_on();
  }
  void on_half_close() override {
    half_closed_ = true;
    go_on();
  }
  void on_writable() override { go_on(); }
  void on_cancelled(CancelReason reason) override {
    Receiver::on_cancelled(reason);
    abandon();
  }
  // What was received is answered; nothing more is.
  void on_drain() override {
    draining_ = true;
    go_on();
  }

 private:
  void go_on() {
    if (call() == nullptr || call()->finished()) return;
    while (!waiting_.empty() && has_room()) {
      Buffer message = std::move(waiting_.front());
      waiting_.pop_front();
      underway_bytes_ += message.size();
      ++underway_count_;
      InferReply& reply = begin(connection(), *call(), protocol_, std::move(message), *this);
      reply.next = underway_;
      if (underway_ != nullptr) underway_->previous = &reply;
      underway_ = &reply;
    }
    if (!waiting_.empty() || underway_count_ != 0) return;
    if (half_closed_) return finish({});
    if (draining_) finish(unavailable("the server is stopping"));
  }

  bool has_room() {
    if (call()->backlog() > Http2Session::kHighWater) return false;
    const bool too_heavy = underway_count_ > 0 && underway_bytes_ + waiting_.front().size() > kMaxUnderwayBytes;
    return underway_count_ < kMaxUnderway && !too_heavy;
  }

  void on_reply(InferReply& reply) override {
    remove(reply);
    if (call() == nullptr || call()->finished()) return;
    call()->taken(reply.request_bytes);
    connection().flush_later();
    InferResult& result = reply.result;
    if (!result.response.present()) return finish(result.status);
    if (!call()->send_message(std::move(result.response)).ok()) return;
    go_on();
  }

  void remove(InferReply& reply) {
    (reply.previous == nullptr ? underway_ : reply.previous->next) = reply.next;
    if (reply.next != nullptr) reply.next->previous = reply.previous;
    underway_bytes_ -= reply.request_bytes;
    --underway_count_;
  }

  void abandon() {
    waiting_.clear();
    while (underway_ != nullptr) {
      InferReply& reply = *underway_;
      remove(reply);
      reply.forget();
      reply.call.cancel();
    }
  }

  const Protocol protocol_;
  std::deque<Buffer> waiting_;
  InferReply* underway_ = nullptr;
  std::size_t underway_count_ = 0;
  std::size_t underway_bytes_ = 0;
  bool half_closed_ = false;
  bool draining_ = false;
};

}  // namespace

std::unique_ptr<Receiver> make_unary_infer_call(Connection& connection, ServerCall& call, Protocol protocol) {
  return std::make_unique<UnaryInferCall>(connection, call, protocol);
}

std::unique_ptr<Receiver> make_stream_infer_call(Connection& connection, ServerCall& call, Protocol protocol) {
  return std::make_unique<StreamInferCall>(connection, call, protocol);
}

}  // namespace pyserver
