#include "transport/connection.h"

#include <algorithm>
#include <array>

#include "transport/handed_calls.h"
#include "transport/infer_calls.h"
#include "transport/loop_thread.h"
#include "transport/state_calls.h"

namespace pyserver {
namespace {

// What one connection may read or write in one turn of its loop, so that the others get theirs.
constexpr int kReadsPerTurn = 4;
constexpr std::size_t kWriteAtOnce = 512 * 1024;
// For the last bytes of a session that has ended to be taken by the socket.
constexpr std::chrono::seconds kLinger{1};

}  // namespace

Connection::Connection(LoopThread& thread, std::unique_ptr<ByteStream> stream)
    : thread_(thread),
      stream_(std::move(stream)),
      session_(*this, thread.scope().options.http2, thread.scope().counters.http2, thread.scope().pool,
               thread.scope().clock),
      context_{session_,
               *this,
               thread.scope().pool,
               thread.scope().clock,
               thread.scope().options.grpc,
               thread.scope().counters.grpc},
      handshake_deadline_(thread.loop().now() + thread.scope().options.tls_handshake_timeout) {}

Connection::~Connection() { close(); }

EventLoop& Connection::loop() noexcept { return thread_.loop(); }
const ServerScope& Connection::scope() const noexcept { return thread_.scope(); }

std::shared_ptr<const PeerIdentity> Connection::identity() {
  if (identity_ == nullptr) identity_ = std::make_shared<PeerIdentity>(stream_->identity());
  return identity_;
}

void Connection::start() {
  limit_unread(stream_->fd(), scope().options.http2.write_timeout);
  watched_ = EventLoop::kReadable;
  if (!loop().watch(stream_->fd(), watched_, *this).ok()) {
    watched_ = 0;
    return close();
  }
  on_ready(EventLoop::kReadable);
}

void Connection::flush_later() { loop().defer(*this); }

void Connection::drain() {
  session_.drain();
  for (Receiver* receiver = receivers_; receiver != nullptr;) {
    Receiver* const next = receiver->next_;
    receiver->on_drain();
    receiver = next;
  }
  flush_later();
}

void Connection::stop(const Status& status) {
  if (closed_) return;
  for (Receiver* receiver = receivers_; receiver != nullptr;) {
    Receiver* const next = receiver->next_;
    receiver->end(status);
    receiver = next;
  }
  flush();
  if (closed_) return;
  session_.close(Http2Error::kNoError);
  flush();
  close();
}

std::unique_ptr<Http2Exchange> Connection::on_request(StreamId stream, HeaderList& headers) {
  return begin_exchange(context_, stream, headers);
}

std::unique_ptr<CallReceiver> Connection::route(ServerCall& call) {
  const Method* const method = scope().methods.find(call.head().path);
  if (method == nullptr) return hand_over(*this, call);
  switch (method->kind) {
    case Method::Kind::kInfer: {
      const bool stream =
          method->protocol == Protocol::kPredictStream || method->protocol == Protocol::kModelStreamInfer;
      return stream ? make_stream_infer_call(*this, call, method->protocol)
                    : make_unary_infer_call(*this, call, method->protocol);
    }
    case Method::Kind::kState: return make_state_call(*this, call, method->question);
    case Method::Kind::kHanded: return hand_over(*this, call);
  }
  return nullptr;
}

bool Connection::knows(std::string_view path) const { return scope().methods.find(path) != nullptr; }

void Connection::on_ready(std::uint32_t readiness) {
  if (closed_) return;
  if (!open_ && !shake_hands()) return;
  if ((readiness & EventLoop::kReadable) != 0 || read_wants_write_) read();
  if (!closed_) flush_later();
}

void Connection::on_end_of_turn() {
  if (!closed_) flush();
}

// Whether bytes may be moved now.
bool Connection::shake_hands() {
  switch (stream_->handshake().outcome) {
    case IoOutcome::kDone:
      open_ = true;
      handshake_deadline_ = kNever;
      arm_timer();
      return true;
    case IoOutcome::kWantsRead: watch(EventLoop::kReadable); break;
    case IoOutcome::kWantsWrite: watch(EventLoop::kWritable); break;
    case IoOutcome::kClosed:
    case IoOutcome::kFailed:
      scope().counters.tls_handshakes_failed.add();
      close();
      return false;
  }
  arm_timer();
  return false;
}

void Connection::read() {
  const std::span<std::byte> buffer = thread_.read_buffer();
  read_wants_write_ = false;
  read_on_ = false;
  for (int reads = 0; reads < kReadsPerTurn && !read_ended_; ++reads) {
    const IoResult result = stream_->read(buffer);
    switch (result.outcome) {
      case IoOutcome::kDone:
        session_.receive(buffer.first(result.bytes));
        // A socket that gave less than there was room for is empty; TLS may hold more.
        if (result.bytes < buffer.size() && !stream_->identity().tls) return;
        break;
      case IoOutcome::kWantsRead: return;
      case IoOutcome::kWantsWrite: read_wants_write_ = true; return;
      case IoOutcome::kClosed:
        read_ended_ = true;
        session_.receive_end();
        return;
      case IoOutcome::kFailed: return close();
    }
    if (session_.ended()) return;
  }
  // More may lie within TLS, which epoll does not see.
  if (stream_->identity().tls) read_on_ = true;
}

void Connection::flush() {
  if (!open_) return;
  OutputQueue& output = unsent_ != nullptr ? *unsent_ : thread_.output();
  bool full = false;
  std::size_t written = 0;
  while (!full) {
    session_.produce(output, kWriteAtOnce);
    if (output.empty()) break;
    std::array<iovec, 64> pieces;
    const std::size_t count = output.front(pieces);
    const IoResult result = stream_->write({pieces.data(), count});
    if (result.outcome == IoOutcome::kDone) {
      output.drop(result.bytes);
      written += result.bytes;
    } else {
      full = true;
      if (result.outcome == IoOutcome::kFailed || result.outcome == IoOutcome::kClosed) {
        keep_unsent(output);
        return close();
      }
    }
  }
  keep_unsent(output);
  session_.wrote(written, unsent_ != nullptr, loop().now());
  if (session_.ended()) {
    if (unsent_ == nullptr) return close();
    if (linger_deadline_ == kNever) linger_deadline_ = loop().now() + kLinger;
  }
  if (read_ended_ && unsent_ == nullptr && session_.streams() == 0) return close();
  const std::uint32_t readable = read_ended_ ? 0 : EventLoop::kReadable;
  watch(full || read_wants_write_ ? readable | EventLoop::kWritable : readable);
  arm_timer();
}

// The loop's queue is for the others again; a connection has its own only while the socket does not take all.
void Connection::keep_unsent(OutputQueue& output) {
  if (output.empty()) {
    unsent_.reset();
  } else if (unsent_ == nullptr) {
    unsent_ = std::make_unique<OutputQueue>();
    std::swap(*unsent_, output);
  }
}

void Connection::on_time() {
  timer_at_ = kNever;
  const TimePoint now = loop().now();
  if (!open_ && now >= handshake_deadline_) {
    scope().counters.tls_handshake_timeouts.add();
    return close();
  }
  if (now >= linger_deadline_) return close();
  session_.tick(now);
  // It ends without a word only where the socket took nothing for too long.
  if (session_.ended() && unsent_ != nullptr) return close();
  if (read_on_) read();
  if (closed_) return;
  if (open_) {
    flush();
  } else {
    arm_timer();
  }
}

void Connection::watch(std::uint32_t readiness) {
  if (closed_ || readiness == watched_) return;
  watched_ = readiness;
  loop().change(stream_->fd(), readiness, *this);
}

// The deadline moves with nearly every byte, mostly away: the timer is left where it is unless it would come too late.
void Connection::arm_timer() {
  if (closed_) return;
  TimePoint at = open_ ? std::min(session_.next_deadline(), linger_deadline_) : handshake_deadline_;
  if (read_on_) at = loop().now();
  if (at == kNever || at >= timer_at_) return;
  timer_at_ = at;
  loop().arm(*this, at);
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  if (watched_ != 0) loop().unwatch(stream_->fd());
  loop().disarm(*this);
  stream_->shut_down();
  thread_.remove(*this);
}

}  // namespace pyserver
