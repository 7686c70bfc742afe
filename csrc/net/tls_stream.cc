#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "base/text.h"
#include "net/socket_io.h"
#include "net/tls_rules.h"

namespace pyserver {
namespace {

constexpr std::size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;

// OpenSSL's way to our socket. Its own socket BIO calls write(), which raises SIGPIPE.
SocketIo& socket_of(BIO* bio) { return *static_cast<SocketIo*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* into, std::size_t size, std::size_t* moved) {
  BIO_clear_retry_flags(bio);
  const IoResult result = socket_of(bio).read({reinterpret_cast<std::byte*>(into), size});
  *moved = result.bytes;
  switch (result.outcome) {
    case IoOutcome::kDone: return 1;
    case IoOutcome::kWantsRead: BIO_set_retry_read(bio); return -1;
    case IoOutcome::kClosed: BIO_set_flags(bio, BIO_FLAGS_IN_EOF); return 0;
    default: return -1;
  }
}

int bio_write(BIO* bio, const char* from, std::size_t size, std::size_t* moved) {
  BIO_clear_retry_flags(bio);
  const iovec piece{const_cast<char*>(from), size};
  const IoResult result = socket_of(bio).write({&piece, 1});
  *moved = result.bytes;
  if (result.outcome == IoOutcome::kWantsWrite) BIO_set_retry_write(bio);
  return result.outcome == IoOutcome::kDone ? 1 : -1;
}

long bio_control(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH: return 1;  // nothing is held back
    case BIO_CTRL_EOF: return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    default: return 0;
  }
}

// Made once and never changed: OpenSSL has no other place for what is known at compile time.
const BIO_METHOD* socket_bio() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pyserver socket");
    if (made == nullptr) throw std::bad_alloc();
    BIO_meth_set_read_ex(made, bio_read);
    BIO_meth_set_write_ex(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

// What is left to be written of a list of pieces.
class Remaining {
 public:
  explicit Remaining(std::span<const iovec> pieces) : pieces_(pieces) { skip_empty(); }

  bool empty() const { return pieces_.empty(); }
  std::span<const std::byte> first() const {
    return {static_cast<const std::byte*>(pieces_.front().iov_base) + offset_, pieces_.front().iov_len - offset_};
  }
  // As much as there is room for.
  std::size_t copy_to(std::span<std::byte> into) const {
    std::size_t copied = 0;
    for (Remaining rest = *this; !rest.empty() && copied < into.size();) {
      const std::size_t size = std::min(rest.first().size(), into.size() - copied);
      std::memcpy(into.data() + copied, rest.first().data(), size);
      copied += size;
      rest.drop(size);
    }
    return copied;
  }
  void drop(std::size_t size) {
    while (size > 0) {
      const std::size_t step = std::min(size, first().size());
      offset_ += step;
      size -= step;
      skip_empty();
    }
  }

 private:
  void skip_empty() {
    while (!pieces_.empty() && offset_ == pieces_.front().iov_len) {
      pieces_ = pieces_.subspan(1);
      offset_ = 0;
    }
  }

  std::span<const iovec> pieces_;
  std::size_t offset_ = 0;
};

class TlsStream final : public ByteStream {
 public:
  TlsStream(SslPtr ssl, Socket socket, std::string peer)
      : io_(std::move(socket)), ssl_(std::move(ssl)), peer_(std::move(peer)) {
    BIO* bio = ssl_ ? BIO_new(socket_bio()) : nullptr;
    if (bio == nullptr) throw std::bad_alloc();
    BIO_set_data(bio, &io_);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
  }

  IoResult handshake() override {
    if (ready_) return {};
    if (broken_) return {IoOutcome::kFailed};
    ERR_clear_error();
    const IoOutcome outcome = outcome_of(SSL_do_handshake(ssl_.get()));
    // Before it has shaken hands, nobody ends in good order.
    if (outcome != IoOutcome::kDone) return {outcome == IoOutcome::kClosed ? IoOutcome::kFailed : outcome};
    ready_ = true;
    io_.look_again();  // the reader has not been told yet that there is nothing
    identity_ = identity_of(ssl_.get());
    return {};
  }

  IoResult read(std::span<std::byte> into) override {
    if (!ready_ || broken_) return {IoOutcome::kFailed};
    if (into.empty()) return {};
    ERR_clear_error();
    std::size_t got = 0;
    const IoOutcome outcome = outcome_of(SSL_read_ex(ssl_.get(), into.data(), into.size(), &got));
    return {outcome, got};
  }

  IoResult write(std::span<const iovec> from) override {
    Remaining rest(from);
    std::size_t moved = 0;
    while (!rest.empty()) {
      const IoOutcome outcome = held_.empty() ? write_record(rest, moved) : write_held(rest, moved);
      if (outcome != IoOutcome::kDone) return moved > 0 ? IoResult{IoOutcome::kDone, moved} : IoResult{outcome};
    }
    return {IoOutcome::kDone, moved};
  }

  void shut_down() override {
    if (ready_ && !broken_) {
      ERR_clear_error();
      SSL_shutdown(ssl_.get());
      ERR_clear_error();
    }
    io_.shut_down();
  }

  int fd() const noexcept override { return io_.fd(); }
  const std::string& peer() const noexcept override { return peer_; }
  const PeerIdentity& identity() const noexcept override { return identity_; }
  const std::string& failure() const noexcept override { return failure_; }

 private:
  // Of the operation that returned `result`. Leaves OpenSSL's queue of errors, which is the thread's, empty.
  IoOutcome outcome_of(int result) {
    if (result > 0) return IoOutcome::kDone;
    const int error = SSL_get_error(ssl_.get(), result);
    const unsigned long reason = ERR_peek_error();
    ERR_clear_error();
    switch (error) {
      case SSL_ERROR_WANT_READ: return IoOutcome::kWantsRead;
      case SSL_ERROR_WANT_WRITE: return IoOutcome::kWantsWrite;
      case SSL_ERROR_ZERO_RETURN: return IoOutcome::kClosed;
      default:
        broken_ = true;
        if (reason != 0) tell_failure(reason);
        return IoOutcome::kFailed;
    }
  }

  void tell_failure(unsigned long reason) {
    const char* const words = ERR_reason_error_string(reason);
    failure_ = words == nullptr ? "unknown error" : words;
    const long verified = SSL_get_verify_result(ssl_.get());
    if (verified != X509_V_OK) failure_ = concat(failure_, ": ", std::string(X509_verify_cert_error_string(verified)));
  }

  IoOutcome write_some(std::span<const std::byte> bytes, std::size_t& written) {
    if (!ready_ || broken_) return IoOutcome::kFailed;
    ERR_clear_error();
    return outcome_of(SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written));
  }

  // One record: of the first piece if it fills one, else of many pieces copied together.
  IoOutcome write_record(Remaining& rest, std::size_t& moved) {
    std::array<std::byte, kRecord> copy;
    std::span<const std::byte> bytes = rest.first().first(std::min(rest.first().size(), kRecord));
    if (bytes.size() < kRecord) bytes = std::span(copy).first(rest.copy_to(copy));
    std::size_t written = 0;
    const IoOutcome outcome = write_some(bytes, written);
    if (outcome == IoOutcome::kWantsWrite || outcome == IoOutcome::kWantsRead) {
      // OpenSSL has the record and wants the same bytes again, whereas our caller may come back with more of them, or
      // with fewer pieces. So they are kept, and count as moved but for the last: it brings the caller back.
      held_.assign(bytes.begin(), bytes.end());
      written = bytes.size() - 1;
    }
    rest.drop(written);
    moved += written;
    return outcome;
  }

  // What is held, the last byte of which the caller offers again.
  IoOutcome write_held(Remaining& rest, std::size_t& moved) {
    std::size_t written = 0;
    const IoOutcome outcome = write_some(held_, written);
    if (outcome != IoOutcome::kDone) return outcome;
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(written));
    if (!held_.empty()) return outcome;  // the client asked for smaller records
    held_ = std::vector<std::byte>();    // idle connections keep no memory
    rest.drop(1);
    moved += 1;
    return outcome;
  }

  SocketIo io_;
  SslPtr ssl_;
  std::string peer_;
  PeerIdentity identity_;
  std::string failure_;
  std::vector<std::byte> held_;
  bool ready_ = false;
  bool broken_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> make_tls_stream(SslPtr ssl, Socket socket, std::string peer) {
  return std::make_unique<TlsStream>(std::move(ssl), std::move(socket), std::move(peer));
}

}  // namespace pyserver
