#include "loadgen/socket_connection.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "net/connect.h"

namespace pyserver::loadgen {
namespace {

constexpr Nanos kFirstPause = 10'000'000;
constexpr Nanos kLongestPause = 1'000'000'000;
// For one attempt, the handshakes of TLS and HTTP/2 included.
constexpr Nanos kPatience = 10'000'000'000;
// Enough for the kernel to have something to do; more is produced when that is written.
constexpr std::size_t kEnough = 256 * 1024;
constexpr std::size_t kPieces = 64;

}  // namespace

SocketConnection::~SocketConnection() {
  if (fd_ >= 0) scope_.poller.unwatch(fd_);
}

void SocketConnection::connect() {
  next_address_ = 0;
  retry_at_ = kNeverNanos;
  give_up_at_ = now() + kPatience;
  try_next_address();
}

void SocketConnection::try_next_address() {
  while (next_address_ < scope_.target.addresses.size()) {
    Result<Socket> socket = begin_connect(scope_.target.addresses[next_address_++]);
    if (!socket.ok()) {
      last_refusal_ = socket.status();
      continue;
    }
    state_ = State::kConnecting;
    connecting_ = *std::move(socket);
    want(Poller::kWritable);
    return;
  }
  fail_to_connect(last_refusal_);
}

void SocketConnection::continue_connecting() {
  const Status outcome = connect_outcome(fd_);
  if (!outcome.ok()) {
    last_refusal_ = outcome;
    scope_.poller.unwatch(std::exchange(fd_, -1));
    connecting_ = Socket();
    try_next_address();
    return;
  }
  const LoadTarget& target = scope_.target;
  stream_ = target.tls != nullptr ? target.tls->connect(std::move(connecting_), target.text)
                                  : make_plain_stream(std::move(connecting_), target.text);
  state_ = State::kHandshaking;
  shake_hands();
}

void SocketConnection::shake_hands() {
  switch (stream_->handshake().outcome) {
    case IoOutcome::kDone: break;
    case IoOutcome::kWantsRead: want(Poller::kReadable); return;
    case IoOutcome::kWantsWrite: want(Poller::kWritable); return;
    default:
      fail_to_connect(unavailable(stream_->failure().empty()
                                      ? "the TLS handshake failed: the server hung up"
                                      : concat("the TLS handshake failed: ", stream_->failure())));
      return;
  }
  state_ = State::kConnected;
  want(Poller::kReadable);
  on_connected();
  flush();
  // With TLS, what the server said first may have come with the end of the handshake, and nobody would tell of it.
  read();
  scope_.owner.on_room(*this);
  flush();
}

void SocketConnection::opened() {
  state_ = State::kOpen;
  problem_ = Status();
  pause_ = 0;
  give_up_at_ = kNeverNanos;
  ++times_opened_;
}

void SocketConnection::want(std::uint32_t readiness) {
  const int fd = stream_ != nullptr ? stream_->fd() : connecting_.fd();
  if (fd_ < 0) {
    const Status watched = scope_.poller.watch(fd, readiness, *this);
    if (!watched.ok()) {
      fail_to_connect(watched);
      return;
    }
    fd_ = fd;
  } else if (wanted_ != readiness) {
    scope_.poller.change(fd_, readiness, *this);
  }
  wanted_ = readiness;
}

void SocketConnection::fail_to_connect(const Status& reason) {
  break_off(unavailable(concat("cannot connect to ", scope_.target.text, ": ", reason.message())), Then::kPause);
}

void SocketConnection::break_off(const Status& reason, Then then) {
  if (fd_ >= 0) scope_.poller.unwatch(std::exchange(fd_, -1));
  stream_.reset();
  connecting_ = Socket();
  out_ = OutputQueue();
  state_ = State::kClosed;
  give_up_at_ = kNeverNanos;
  problem_ = reason;
  if (then == Then::kPause) scope_.recorder.note(ErrorKind::connection(), reason.message());
  on_broken(reason.message());
  if (then == Then::kPause) pause_ = pause_ == 0 ? kFirstPause : std::min(2 * pause_, kLongestPause);
  retry_at_ = now() + (then == Then::kPause ? pause_ : 0);
}

void SocketConnection::on_ready(std::uint32_t readiness) {
  scope_.clock.now();
  switch (state_) {
    case State::kClosed: return;
    case State::kConnecting: continue_connecting(); return;
    case State::kHandshaking: shake_hands(); return;
    case State::kConnected:
    case State::kOpen: break;
  }
  if ((readiness & Poller::kReadable) != 0) read();
  // At once, and not after the other connections of the turn: a server that waits for requests gets these.
  scope_.owner.on_room(*this);
  flush();
  replace_if_finished();
}

void SocketConnection::replace_if_finished() {
  if (state_ == State::kConnected && finished()) {
    fail_to_connect(unavailable("it does not speak the protocol that it was asked in"));
  } else if (state_ == State::kOpen && finished()) {
    break_off(unavailable("the server ended the connection"), Then::kReconnectNow);
  }
}

void SocketConnection::end() {
  if (state_ == State::kOpen && ends_well()) {
    break_off(unavailable("the server closed the connection"), Then::kReconnectNow);
  } else {
    fail(unavailable("the server closed the connection"));
  }
}

void SocketConnection::fail(const Status& reason) {
  if (state_ == State::kOpen) {
    break_off(reason, Then::kPause);
  } else {
    fail_to_connect(reason);
  }
}

void SocketConnection::fail_broken() {
  const std::string& why = stream_->failure();
  fail(unavailable(why.empty() ? "the connection broke" : concat("the connection broke: ", why)));
}

void SocketConnection::read() {
  while (state_ == State::kConnected || state_ == State::kOpen) {
    const IoResult result = stream_->read(scope_.read_buffer);
    switch (result.outcome) {
      case IoOutcome::kDone: break;
      case IoOutcome::kWantsRead:
      case IoOutcome::kWantsWrite: return;
      case IoOutcome::kClosed: end(); return;
      case IoOutcome::kFailed: fail_broken(); return;
    }
    // The answers in these bytes are there now, however long it takes to look at them.
    scope_.clock.now();
    const Status status = on_bytes(scope_.read_buffer.first(result.bytes));
    if (!status.ok()) {
      fail(status);
      return;
    }
  }
}

void SocketConnection::flush() {
  if (state_ != State::kConnected && state_ != State::kOpen) return;
  while (true) {
    if (out_.size() < kEnough) produce(out_, kEnough);
    if (out_.empty()) break;
    std::array<iovec, kPieces> pieces;
    const IoResult result = stream_->write(std::span(pieces).first(out_.front(pieces)));
    if (result.outcome == IoOutcome::kFailed) {
      // What the server said before it went may still be there.
      read();
      if (state_ != State::kClosed) fail_broken();
      return;
    }
    if (result.outcome != IoOutcome::kDone) {
      want(Poller::kReadable | Poller::kWritable);
      return;
    }
    out_.drop(result.bytes);
  }
  want(Poller::kReadable);
}

void SocketConnection::tick(Nanos moment) {
  if (moment >= next_timeout()) {
    time_out(moment);
    flush();
    scope_.owner.on_room(*this);
    flush();
  }
  if (moment >= give_up_at_) fail_to_connect(unavailable("no answer in 10 seconds"));
  if (moment >= retry_at_) connect();
}

}  // namespace pyserver::loadgen
