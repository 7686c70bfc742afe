// MessageAssembler: finds gRPC's messages in the bytes of a stream.
//
// A message that comes in one piece is shown where it lies; others are put together in memory that is used again.
// Thread-compatible.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "loadgen/requests.h"

namespace pyserver::loadgen {

class MessageAssembler {
 public:
  // Calls take(message) for every message that is complete; the bytes are valid during the call. Without `keep` only
  // the messages are counted, and take() is shown none of their bytes. INTERNAL for what a server must not send.
  template <typename Take>
  Status feed(std::span<const std::byte> bytes, bool keep, Take&& take) {
    // Once more where a head has just been completed: its message may be empty.
    while (!bytes.empty() || (head_size_ == kMessagePrefix && left_ == 0)) {
      if (head_size_ < kMessagePrefix) {
        const std::size_t step = std::min(bytes.size(), kMessagePrefix - head_size_);
        std::copy_n(bytes.begin(), step, head_.begin() + static_cast<std::ptrdiff_t>(head_size_));
        head_size_ += step;
        bytes = bytes.subspan(step);
        if (head_size_ < kMessagePrefix) break;
        if (head_[0] != std::byte{0}) return internal_error("the answer is compressed, though nobody asked for that");
        left_ = size_in_head();
      }
      const std::size_t step = std::min(bytes.size(), left_);
      const bool whole = step == left_ && kept_.empty();
      if (keep && !whole && kept_.empty()) kept_.reserve(left_);
      if (keep && !whole) kept_.insert(kept_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(step));
      const std::span<const std::byte> message = whole ? bytes.first(step) : std::span<const std::byte>(kept_);
      left_ -= step;
      bytes = bytes.subspan(step);
      if (left_ > 0) break;
      head_size_ = 0;
      ++messages_;
      take(keep ? message : std::span<const std::byte>());
      kept_.clear();
    }
    return {};
  }

  std::uint64_t messages() const noexcept { return messages_; }
  // Nothing of a message is missing.
  bool between_messages() const noexcept { return head_size_ == 0; }
  void clear() noexcept {
    head_size_ = 0;
    messages_ = 0;
    kept_.clear();
  }

 private:
  std::size_t size_in_head() const noexcept {
    std::size_t size = 0;
    for (std::size_t index = 1; index < kMessagePrefix; ++index)
      size = size << 8 | std::to_integer<std::size_t>(head_[index]);
    return size;
  }

  std::array<std::byte, kMessagePrefix> head_{};
  std::size_t head_size_ = 0;
  std::size_t left_ = 0;  // of the message whose head is complete
  std::vector<std::byte> kept_;
  std::uint64_t messages_ = 0;
};

}  // namespace pyserver::loadgen
