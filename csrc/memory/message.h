// Message: the bytes of one message to send: those that were written into a buffer, and between them those that are
// only lent, and are sent from where they lie.
//
// Move-only; thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "memory/buffer_pool.h"

namespace pyserver {

// Memory that a message may point into instead of having a copy: `owner` keeps it as it is.
struct Loan {
  // Less is copied: that is cheaper than to keep the memory from its owner.
  static constexpr std::size_t kSmallest = std::size_t{16} << 10;

  std::shared_ptr<const void> owner;  // null: nothing is lent
  // Where the lent memory is. An owner of several blocks leaves it empty: then all that is shown to it is its.
  std::span<const std::byte> region;

  bool covers(std::span<const std::byte> bytes) const noexcept {
    if (owner == nullptr || bytes.size() < kSmallest) return false;
    return region.empty() || contains(region, bytes);
  }
  static bool contains(std::span<const std::byte> region, std::span<const std::byte> bytes) noexcept {
    // As numbers: pointers into different blocks must not be compared.
    const auto begin = reinterpret_cast<std::uintptr_t>(region.data());
    const auto at = reinterpret_cast<std::uintptr_t>(bytes.data());
    return at >= begin && at - begin <= region.size() && bytes.size() <= region.size() - (at - begin);
  }
};

class Message {
 public:
  // `bytes` stand behind the first `at` written ones.
  struct Lent {
    std::size_t at = 0;
    std::span<const std::byte> bytes;
  };

  // None at all: present() is false. An empty message is made of an empty buffer that has memory.
  Message() noexcept = default;
  // All of it written.
  Message(Buffer written) noexcept : written_(std::move(written)) {}
  // `lent` in ascending order of `at`; `owner` keeps all of their bytes.
  Message(Buffer written, std::vector<Lent> lent, std::shared_ptr<const void> owner) noexcept
      : written_(std::move(written)), lent_(std::move(lent)), owner_(std::move(owner)) {}

  bool present() const noexcept { return written_.data() != nullptr; }
  std::size_t size() const noexcept;
  bool is_one_piece() const noexcept { return lent_.empty(); }

  // Calls take(bytes) for each piece, in order; never with no bytes.
  template <typename Take>
  void each_piece(Take&& take) const {
    const std::span<const std::byte> written = written_.bytes();
    std::size_t from = 0;
    for (const Lent& lent : lent_) {
      if (lent.at > from) take(written.subspan(from, lent.at - from));
      if (!lent.bytes.empty()) take(lent.bytes);
      from = lent.at;
    }
    if (written.size() > from) take(written.subspan(from));
  }
  // To `to`, which has room for size() bytes.
  void copy_to(std::byte* to) const noexcept;

  // All of a message in one piece.
  Buffer take_written() noexcept { return std::move(written_); }

 private:
  Buffer written_;
  std::vector<Lent> lent_;
  std::shared_ptr<const void> owner_;
};

}  // namespace pyserver
