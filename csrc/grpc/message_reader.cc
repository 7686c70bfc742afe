#include "grpc/message_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace pyserver {

MessageReader::MessageReader(BufferPool& pool, std::size_t max_message_bytes, Compression encoding)
    : pool_(pool), max_message_bytes_(max_message_bytes), encoding_(encoding) {}

Result<MessageReader::Progress> MessageReader::read(std::span<const std::byte>& bytes) {
  if (prefix_size_ < prefix_.size()) {
    if (!read_prefix(bytes)) return Progress::kNeedsMore;
    PYSERVER_RETURN_IF_ERROR(begin_message());
  }
  PYSERVER_RETURN_IF_ERROR(read_body(bytes));
  if (received_ < length_) return Progress::kNeedsMore;
  PYSERVER_RETURN_IF_ERROR(finish_message());
  return Progress::kMessage;
}

ReceivedMessage MessageReader::take() noexcept { return std::exchange(complete_, {}); }

bool MessageReader::read_prefix(std::span<const std::byte>& bytes) noexcept {
  const std::size_t count = std::min(bytes.size(), prefix_.size() - prefix_size_);
  std::copy_n(bytes.begin(), count, prefix_.begin() + static_cast<std::ptrdiff_t>(prefix_size_));
  prefix_size_ += count;
  bytes = bytes.subspan(count);
  return prefix_size_ == prefix_.size();
}

Status MessageReader::begin_message() {
  if (prefix_[0] > std::byte{1}) {
    return fail(Failure::kMalformed, internal_error(concat("a message begins with flag ",
                                                           std::to_integer<int>(prefix_[0]), ", expected 0 or 1")));
  }
  if (compressed() && encoding_ == Compression::kIdentity) {
    return fail(Failure::kMalformed, internal_error("a message is marked as compressed, but the call has no "
                                                    "grpc-encoding"));
  }
  length_ = 0;
  for (const std::byte byte : std::span(prefix_).subspan(1))
    length_ = length_ << 8 | std::to_integer<std::size_t>(byte);
  received_ = 0;
  if (length_ > max_message_bytes_) {
    return fail(Failure::kTooLarge,
                resource_exhausted(
                    concat("received message of ", length_, " bytes, larger than the limit of ", max_message_bytes_)));
  }
  return {};
}

Status MessageReader::read_body(std::span<const std::byte>& bytes) {
  while (received_ < length_ && !bytes.empty()) {
    const std::size_t wanted = std::min(bytes.size(), length_ - received_);
    if (received_ == buffer_.size()) PYSERVER_RETURN_IF_ERROR(grow(wanted));
    const std::size_t count = std::min(wanted, buffer_.size() - received_);
    std::memcpy(buffer_.data() + received_, bytes.data(), count);
    received_ += count;
    bytes = bytes.subspan(count);
  }
  return {};
}

Status MessageReader::grow(std::size_t at_hand) {
  const std::size_t size = buffer_.size() == 0 ? std::clamp(at_hand * kTrust, kSmallestTake, kFirstTake)
                                               : std::max(buffer_.size() * kGrowth, received_ + at_hand);
  const bool whole = size >= length_;
  Result<Buffer> larger = pool_.take(whole ? length_ + kBlockAlignment - 1 : size);
  if (!larger.ok()) return fail(Failure::kOutOfMemory, std::move(larger).status());
  if (whole) {
    // Encoders write the contents of the last tensor last, so that it is aligned for the engine, which need not copy
    // it.
    larger->align_end(length_);
  } else {
    // All of the room that the pool gives.
    larger->truncate(std::min(larger->capacity(), length_));
  }
  if (received_ != 0) std::memcpy(larger->data(), buffer_.data(), received_);
  buffer_ = *std::move(larger);
  return {};
}

Status MessageReader::finish_message() {
  complete_.was_compressed = compressed();
  prefix_size_ = 0;
  Buffer received = std::exchange(buffer_, {});
  if (length_ == 0 || !compressed()) {
    complete_.bytes = std::move(received);
    return {};
  }
  Result<Buffer> bytes = decompress(encoding_, received.bytes(), max_message_bytes_, pool_);
  if (bytes.ok()) {
    if (bytes->size() != 0) complete_.bytes = *std::move(bytes);
    return {};
  }
  switch (bytes.status().code()) {
    case StatusCode::kOutOfRange:
      return fail(Failure::kTooLarge, resource_exhausted(concat("received message of ", length_,
                                                                " bytes, which decompresses to more than "
                                                                "the limit of ",
                                                                max_message_bytes_)));
    case StatusCode::kResourceExhausted: return fail(Failure::kOutOfMemory, std::move(bytes).status());
    default: return fail(Failure::kMalformed, std::move(bytes).status());
  }
}

Status MessageReader::fail(Failure failure, Status status) noexcept {
  failure_ = failure;
  buffer_ = {};
  return status;
}

}  // namespace pyserver
