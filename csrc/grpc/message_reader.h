// MessageReader: pieces of a body → messages (gRPC's Length-Prefixed-Message), each in a buffer of its own.
//
// The five bytes of prefix tell the length, so that the bytes go once, from where they were received into the message's
// buffer. What a peer only announces costs little: a buffer begins with at most kFirstTake bytes, and at most
// kTrust times what has come, and grows eightfold as bytes really come; an announcement of gigabytes reserves nothing,
// and thousands of messages that have barely begun reserve little. A message ends at the end of a cache line.
// Thread-compatible; a million pieces of one byte cost a million steps and nothing else.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "base/status.h"
#include "grpc/compression.h"
#include "memory/buffer_pool.h"

namespace pyserver {

struct ReceivedMessage {
  Buffer bytes;  // decompressed; of size 0 (and without memory) for an empty message
  bool was_compressed = false;
};

class MessageReader {
 public:
  static constexpr std::size_t kFirstTake = std::size_t{1} << 20;
  static constexpr std::size_t kSmallestTake = 4096;
  static constexpr std::size_t kTrust = 64;
  static constexpr std::size_t kGrowth = 8;

  // `encoding` is the call's grpc-encoding.
  MessageReader(BufferPool& pool, std::size_t max_message_bytes, Compression encoding);

  // Takes from the front of `bytes` up to the end of one message or all of it. After kMessage, take() has the message;
  // call again with what is left of `bytes`.
  enum class Progress { kNeedsMore, kMessage };
  // Errors, after which the reader must not be used: RESOURCE_EXHAUSTED (longer than allowed, before or after
  // decompression, or no memory; the sentence names the size and the limit), INTERNAL (a flag that is neither 0 nor 1,
  // compressed without an encoding, bytes that do not decompress). It holds no memory then.
  Result<Progress> read(std::span<const std::byte>& bytes);
  ReceivedMessage take() noexcept;

  // Which of read()'s errors it was, for who counts them.
  enum class Failure { kNone, kMalformed, kTooLarge, kOutOfMemory };
  Failure failure() const noexcept { return failure_; }

  // Within a message, or within its prefix: the body must not end here.
  bool in_message() const noexcept { return prefix_size_ != 0; }
  // Memory that is held for a message that is not complete.
  std::size_t held_bytes() const noexcept { return buffer_.capacity(); }

 private:
  bool compressed() const noexcept { return prefix_[0] == std::byte{1}; }
  bool read_prefix(std::span<const std::byte>& bytes) noexcept;
  Status begin_message();
  Status read_body(std::span<const std::byte>& bytes);
  Status grow(std::size_t at_hand);
  Status finish_message();
  Status fail(Failure failure, Status status) noexcept;

  BufferPool& pool_;
  const std::size_t max_message_bytes_;
  const Compression encoding_;
  std::array<std::byte, 5> prefix_{};
  std::size_t prefix_size_ = 0;
  std::size_t length_ = 0;    // as announced
  std::size_t received_ = 0;  // of it
  Buffer buffer_;             // its size is the room that there is
  ReceivedMessage complete_;
  Failure failure_ = Failure::kNone;
};

}  // namespace pyserver
