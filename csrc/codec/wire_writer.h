// WireWriter: writes protobuf fields into memory that was measured before. An encoder first adds up the sizes of what
// it is going to write (the size functions below), takes one buffer of that size, and writes.
//
// Thread-compatible. Writing more than the given room is a programming error, checked in debug builds.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "codec/wire_reader.h"
#include "memory/message.h"

namespace pyserver {

inline constexpr std::size_t kMaxVarintSize = 10;

constexpr std::size_t varint_size(std::uint64_t value) noexcept {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}
constexpr std::size_t tag_size(std::uint32_t number) noexcept { return varint_size(std::uint64_t{number} << 3); }
// A length-delimited field with a value of `length` bytes; also when it is empty.
constexpr std::size_t bytes_size(std::uint32_t number, std::size_t length) noexcept {
  return tag_size(number) + varint_size(length) + length;
}
// Scalars as proto3 writes them: not at all where they are zero or empty.
constexpr std::size_t scalar_size(std::uint32_t number, std::uint64_t value) noexcept {
  return value == 0 ? 0 : tag_size(number) + varint_size(value);
}
constexpr std::size_t text_size(std::uint32_t number, std::string_view value) noexcept {
  return value.empty() ? 0 : bytes_size(number, value.size());
}
// An int64 or int32 on the wire: negative numbers take ten bytes.
constexpr std::uint64_t wire_int(std::int64_t value) noexcept { return static_cast<std::uint64_t>(value); }
// A packed repeated int64; nothing where it is empty.
std::size_t packed_size(std::uint32_t number, std::span<const std::int64_t> values) noexcept;

class WireWriter {
 public:
  explicit WireWriter(std::span<std::byte> room) noexcept
      : begin_(room.data()), at_(begin_), end_(begin_ + room.size()) {}

  void scalar(std::uint32_t number, std::uint64_t value) noexcept {
    if (value == 0) return;
    varint(varint_tag(number));
    varint(value);
  }
  void text(std::uint32_t number, std::string_view value) noexcept {
    if (!value.empty()) bytes(number, std::as_bytes(std::span(value)));
  }
  // Also when it is empty.
  void bytes(std::uint32_t number, std::span<const std::byte> value) noexcept {
    begin_message(number, value.size());
    raw(value);
  }
  // As bytes(), but for what `loan` covers only the tag and the length are written: the contents are lent.
  void contents(std::uint32_t number, std::span<const std::byte> value, const Loan& loan) {
    begin_message(number, value.size());
    if (loan.covers(value)) {
      lent_.push_back({written(), value});
    } else {
      raw(value);
    }
  }
  void packed(std::uint32_t number, std::span<const std::int64_t> values) noexcept;
  // An embedded message or another length-delimited value: exactly `size` bytes must follow.
  void begin_message(std::uint32_t number, std::size_t size) noexcept {
    varint(bytes_tag(number));
    varint(size);
  }

  void varint(std::uint64_t value) noexcept {
    assert(static_cast<std::size_t>(end_ - at_) >= varint_size(value));
    while (value >= 0x80) {
      *at_++ = static_cast<std::byte>(value | 0x80);
      value >>= 7;
    }
    *at_++ = static_cast<std::byte>(value);
  }
  void raw(std::span<const std::byte> value) noexcept {
    assert(static_cast<std::size_t>(end_ - at_) >= value.size());
    if (!value.empty()) std::memcpy(at_, value.data(), value.size());
    at_ += value.size();
  }

  // A length of kPaddedLengthSize bytes, to be set by patch_length() when it is known: a varint with leading zeros,
  // which every protobuf parser accepts. Returns its place.
  static constexpr std::size_t kPaddedLengthSize = 5;
  std::size_t reserve_length() noexcept {
    const std::size_t place = written();
    at_ += kPaddedLengthSize;
    return place;
  }
  void patch_length(std::size_t place, std::size_t length) noexcept;

  std::size_t written() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
  // What contents() lent.
  std::vector<Message::Lent> take_lent() noexcept { return std::move(lent_); }

 private:
  std::byte* const begin_;
  std::byte* at_;
  std::byte* const end_;
  std::vector<Message::Lent> lent_;
};

}  // namespace pyserver
