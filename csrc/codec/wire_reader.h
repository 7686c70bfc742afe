// WireReader: walks over the fields of one protobuf message, without copying and without allocating.
//
// It accepts and refuses what protobuf's own parsers do: varints of up to ten bytes (overlong ones too; bits beyond the
// 64th are dropped), tags of up to five, lengths of up to 2^31 - 1 bytes, groups and messages nested up to kMaxDepth.
// Refused are field number 0, wire types 6 and 7, unmatched groups and everything that goes beyond the message.
//
// Two rules of protobuf are the caller's to keep, and cheap to keep with this interface: the last of several
// occurrences of a scalar counts, and several occurrences of an embedded message are one message (read all of them into
// one place).
//
// Thread-compatible. The bytes must outlive the reader and every view that it gave out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/status.h"
#include "base/utf8.h"

namespace pyserver {

enum class WireType : std::uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kLengthDelimited = 2,
  kStartGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5,
};

// What comes before a field's value. A field is known by number and wire type: one with a known number and another wire
// type is an unknown field, and skipped.
constexpr std::uint32_t wire_tag(std::uint32_t number, WireType type) noexcept {
  return number << 3 | static_cast<std::uint32_t>(type);
}
constexpr std::uint32_t varint_tag(std::uint32_t number) noexcept { return wire_tag(number, WireType::kVarint); }
constexpr std::uint32_t bytes_tag(std::uint32_t number) noexcept {
  return wire_tag(number, WireType::kLengthDelimited);
}

struct WireField {
  std::uint32_t tag = 0;
  // The value of a varint, fixed32 or fixed64.
  std::uint64_t number = 0;
  // The value of a length-delimited field.
  std::span<const std::byte> bytes;
};

class WireReader {
 public:
  static constexpr int kMaxDepth = 100;

  explicit WireReader(std::span<const std::byte> message) noexcept
      : begin_(message.data()), at_(message.data()), end_(message.data() + message.size()) {}
  // For the message embedded in `field`, which `parent` read.
  WireReader(const WireField& field, const WireReader& parent) noexcept
      : begin_(parent.begin_),
        at_(field.bytes.data()),
        end_(field.bytes.data() + field.bytes.size()),
        depth_(parent.depth_ + 1) {
    if (depth_ > kMaxDepth) fail("messages nested too deeply");
  }

  // Reads the next field; groups are read over, and come as a field without a value. False at the end of the message,
  // and where the message is malformed.
  bool next(WireField& field) noexcept {
    if (at_ == end_) return false;
    if (!read_tag(field.tag)) return false;
    switch (static_cast<WireType>(field.tag & 7)) {
      case WireType::kVarint: return read_varint(field.number);
      case WireType::kLengthDelimited: return read_bytes(field.bytes);
      case WireType::kFixed64: return read_fixed<std::uint64_t>(field.number);
      case WireType::kFixed32: return read_fixed<std::uint32_t>(field.number);
      case WireType::kStartGroup: return skip_group(field.tag >> 3);
      case WireType::kEndGroup: return fail("the end of a group that did not begin");
    }
    return fail("an unknown wire type");
  }

  // The value of a string field. False, and malformed, where it is not UTF-8.
  bool text(const WireField& field, std::string_view& value) noexcept {
    const std::string_view text(reinterpret_cast<const char*>(field.bytes.data()), field.bytes.size());
    if (!is_utf8(text)) {
      at_ = field.bytes.data();
      return fail("a string that is not UTF-8");
    }
    value = text;
    return true;
  }

  // Calls `take` with each value of a repeated varint field, whether it came packed or not.
  template <typename Take>
  bool each_varint(const WireField& field, Take&& take) noexcept {
    if ((field.tag & 7) == static_cast<std::uint32_t>(WireType::kVarint)) {
      take(field.number);
      return true;
    }
    WireReader values(field.bytes, begin_);
    std::uint64_t value = 0;
    while (values.at_ != values.end_) {
      if (!values.read_varint(value)) return adopt(values);
      take(value);
    }
    return true;
  }

  bool ok() const noexcept { return problem_ == nullptr; }
  // OK unless the message is malformed; INVALID_ARGUMENT with the problem and its place otherwise.
  Status status() const;
  // Makes this reader malformed, for what the fields' meaning forbids. Returns false.
  bool fail(const char* problem) noexcept;

 private:
  WireReader(std::span<const std::byte> part, const std::byte* begin) noexcept
      : begin_(begin), at_(part.data()), end_(part.data() + part.size()) {}

  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }

  bool read_varint(std::uint64_t& value) noexcept {
    if (at_ != end_ && std::to_integer<unsigned>(*at_) < 0x80) {
      value = std::to_integer<unsigned>(*at_++);
      return true;
    }
    return read_long_varint(value);
  }
  bool read_tag(std::uint32_t& tag) noexcept {
    // Nearly every field number is below 16.
    const unsigned first = std::to_integer<unsigned>(*at_);
    if (first < 0x80 && first >= 8) {
      tag = first;
      ++at_;
      return true;
    }
    return read_long_tag(tag);
  }
  bool read_bytes(std::span<const std::byte>& bytes) noexcept {
    std::uint64_t length = 0;
    if (!read_varint(length)) return false;
    if (length > left()) return fail("a length that goes beyond the message");
    if (length > kMaxLength) return fail("a length over 2147483647");
    bytes = {at_, static_cast<std::size_t>(length)};
    at_ += length;
    return true;
  }
  template <typename T>
  bool read_fixed(std::uint64_t& value) noexcept {
    if (left() < sizeof(T)) return fail("a number that goes beyond the message");
    T bits;
    std::memcpy(&bits, at_, sizeof bits);  // little-endian, as every machine that we build for
    at_ += sizeof bits;
    value = bits;
    return true;
  }
  bool read_long_varint(std::uint64_t& value) noexcept;
  bool read_long_tag(std::uint32_t& tag) noexcept;
  bool skip_group(std::uint32_t number) noexcept;
  // Takes over where and why `part` failed. Returns false.
  bool adopt(const WireReader& part) noexcept;

  static constexpr std::uint64_t kMaxLength = 0x7FFFFFFF;

  const std::byte* begin_;  // of the outermost message: places are counted from there
  const std::byte* at_;
  const std::byte* end_;
  const char* problem_ = nullptr;
  int depth_ = 0;
};

}  // namespace pyserver
