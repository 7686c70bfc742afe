#include "grpc/server_call.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "base/text.h"

namespace pyserver {
namespace {

constexpr std::array<HeaderField, 3> kHeaders = {{
    {":status", "200"},
    {"content-type", "application/grpc"},
    {"grpc-accept-encoding", kAcceptedEncodings},
}};
constexpr std::array<HeaderField, 1> kOkTrailers = {{{"grpc-status", "0"}}};

// What a message's prefix can say.
constexpr std::size_t kLongestMessage = std::numeric_limits<std::uint32_t>::max();

// Header fields whose values must live until they are sent.
class Fields {
 public:
  explicit Fields(std::size_t capacity) {
    fields_.reserve(capacity);
    values_.reserve(capacity);
  }
  void add(std::string_view name, std::string_view value) { fields_.push_back({name, value}); }
  // Never more than the capacity: the strings must not move.
  void add_owned(std::string_view name, std::string value) { add(name, values_.emplace_back(std::move(value))); }
  void add(const Metadata& metadata) {
    for (const MetadataEntry& entry : metadata) add_owned(entry.key, wire_value(entry));
  }
  std::span<const HeaderField> span() const noexcept { return fields_; }

 private:
  std::vector<HeaderField> fields_;
  std::vector<std::string> values_;
};

CancelReason reason_of(Http2Error error, bool by_peer) noexcept {
  if (by_peer) return CancelReason::kByPeer;
  return error == Http2Error::kCancel ? CancelReason::kServerStopping : CancelReason::kProtocolError;
}

}  // namespace

ServerCall::ServerCall(CallContext& context, StreamId stream, CallHead head)
    : context_(context),
      stream_(stream),
      head_(std::move(head)),
      reader_(context.pool, context.limits.max_receive_message_bytes, head_.request_encoding) {
  context_.counters.calls_started.add();
}

ServerCall::~ServerCall() = default;

void ServerCall::begin() {
  receiver_ = context_.router.route(*this);
  if (receiver_ == nullptr && !finished_) {
    finish(unimplemented(concat("method ", quoted(head_.path), " is not found on this server")));
  }
}

void ServerCall::on_data(std::span<const std::byte> bytes) {
  const std::size_t size = bytes.size();
  // The receiver may finish the call from within on_message().
  while (!bytes.empty() && receiving()) {
    const Result<MessageReader::Progress> progress = reader_.read(bytes);
    if (!progress.ok()) {
      fail_reading(progress.status());
    } else if (*progress == MessageReader::Progress::kMessage) {
      deliver(reader_.take());
    }
  }
  // A conversation may pause between two messages, and not within one.
  if (headers_sent_ && receiving()) context_.session.await_body(stream_, reader_.in_message());
  if (receiving() && untaken_ > kUntakenLimit) {
    withheld_ += size;
  } else {
    context_.session.consume(stream_, size);
  }
}

void ServerCall::deliver(ReceivedMessage message) {
  context_.counters.messages_received.add();
  untaken_ += message.bytes.size();
  receiver_->on_message(std::move(message));
}

void ServerCall::on_end() {
  if (!receiving()) return;
  if (reader_.in_message()) {
    context_.counters.malformed_calls.add();
    fail(internal_error("the request ended within a message"));
    return;
  }
  receiver_->on_half_close();
}

void ServerCall::on_drained() {
  if (receiving()) receiver_->on_writable();
}

void ServerCall::on_closed(Http2Error error, bool by_peer) {
  const bool answered = finished_ && error == Http2Error::kNoError;
  (answered ? context_.counters.calls_finished : context_.counters.calls_cancelled).add();
  finished_ = true;
  if (receiver_ == nullptr || std::exchange(receiver_told_, true)) return;
  if (answered) {
    receiver_->on_finished();
  } else {
    receiver_->on_cancelled(reason_of(error, by_peer));
  }
}

void ServerCall::fail_reading(const Status& status) {
  switch (reader_.failure()) {
    case MessageReader::Failure::kTooLarge: context_.counters.messages_too_large.add(); break;
    case MessageReader::Failure::kOutOfMemory: context_.counters.out_of_memory.add(); break;
    default: context_.counters.malformed_calls.add(); break;
  }
  fail(status);
}

void ServerCall::fail(const Status& status) {
  finish(status);
  if (!std::exchange(receiver_told_, true)) receiver_->on_cancelled(CancelReason::kProtocolError);
}

void ServerCall::send_initial_metadata(const Metadata& metadata) {
  if (!finished_) send_headers_once(metadata);
}

void ServerCall::set_compression(Compression compression) {
  if (headers_sent_ || !accepts(head_.accepted_encodings(), compression)) return;
  compression_ = compression;
}

void ServerCall::send_headers_once(const Metadata& metadata) {
  if (std::exchange(headers_sent_, true)) return;
  if (metadata.empty() && compression_ == Compression::kIdentity) {
    context_.session.send_headers(stream_, kHeaders, false);
    return;
  }
  Fields fields(kHeaders.size() + 1 + metadata.size());
  for (const HeaderField& field : kHeaders) fields.add(field.name, field.value);
  if (compression_ != Compression::kIdentity) fields.add("grpc-encoding", name_of(compression_));
  fields.add(metadata);
  context_.session.send_headers(stream_, fields.span(), false);
}

Status ServerCall::send_message(Message message, bool compress) {
  if (finished_) return {};
  const std::size_t limit = std::min(context_.limits.max_send_message_bytes, kLongestMessage);
  if (message.size() > limit) {
    context_.counters.messages_too_large.add();
    Status status =
        resource_exhausted(concat("message of ", message.size(), " bytes to send, larger than the limit of ", limit));
    finish(status);
    return status;
  }
  send_headers_once({});
  context_.counters.messages_sent.add();
  const bool compressed = compress && this->compress(message);
  send_framed(std::move(message), compressed);
  return {};
}

bool ServerCall::compress(Message& message) {
  if (compression_ == Compression::kIdentity || message.size() == 0) return false;
  // Where it does not help, or there is no memory for it, the message goes as it is: the flag says which.
  if (!message.is_one_piece()) {
    Result<Buffer> whole = context_.pool.take(message.size());
    if (!whole.ok()) return false;
    message.copy_to(whole->data());
    message = *std::move(whole);
  }
  Buffer plain = message.take_written();
  Result<Buffer> smaller = pyserver::compress(compression_, plain.bytes(), context_.pool);
  const bool smaller_enough = smaller.ok() && smaller->size() < plain.size();
  message = smaller_enough ? *std::move(smaller) : std::move(plain);
  return smaller_enough;
}

void ServerCall::send_framed(Message message, bool compressed) {
  BodyPiece first;
  const std::size_t size = message.size();
  first.prefix[0] = std::byte{compressed};
  for (std::size_t i = 0; i < 4; ++i) first.prefix[1 + i] = static_cast<std::byte>(size >> (24 - 8 * i) & 0xff);
  first.prefix_size = 5;
  if (message.is_one_piece()) {
    first.buffer = message.take_written();
    context_.session.send_data(stream_, std::move(first));
    return;
  }
  context_.session.send_data(stream_, std::move(first));
  // All pieces keep the whole message: it is one, and is sent soon after they are.
  const auto shared = std::make_shared<const Message>(std::move(message));
  shared->each_piece([&](std::span<const std::byte> bytes) {
    BodyPiece piece;
    piece.lent = bytes;
    piece.owner = shared;
    context_.session.send_data(stream_, std::move(piece));
  });
}

void ServerCall::finish(const Status& status, const Metadata& trailing, std::string_view details) {
  if (std::exchange(finished_, true)) return;
  consume_withheld();
  if (headers_sent_ && status.ok() && trailing.empty() && details.empty()) {
    context_.session.send_trailers(stream_, kOkTrailers);
    return;
  }
  std::array<char, 4> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<int>(status.code())).ptr;
  Fields fields(5 + trailing.size());
  if (!headers_sent_) {
    fields.add(":status", "200");
    fields.add("content-type", "application/grpc");
  }
  fields.add("grpc-status", std::string_view(digits.data(), end));
  std::string message = status.message();
  if (details.size() > kMaxDetailsBytes) {
    message += concat(" (its details, ", details.size(), " bytes, are more than can be sent)");
    details = {};
  }
  if (!message.empty()) fields.add_owned("grpc-message", percent_encode(message));
  if (!details.empty()) fields.add_owned("grpc-status-details-bin", encode_base64(details));
  fields.add(trailing);
  if (std::exchange(headers_sent_, true)) {
    context_.session.send_trailers(stream_, fields.span());
  } else {
    context_.session.send_headers(stream_, fields.span(), true);
  }
}

void ServerCall::taken(std::size_t bytes) {
  untaken_ -= std::min(bytes, untaken_);
  if (untaken_ <= kUntakenLimit) consume_withheld();
}

void ServerCall::consume_withheld() {
  if (withheld_ != 0) context_.session.consume(stream_, std::exchange(withheld_, 0));
}

std::size_t ServerCall::backlog() const noexcept { return context_.session.backlog(stream_); }

}  // namespace pyserver
