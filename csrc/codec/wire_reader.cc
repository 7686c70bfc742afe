#include "codec/wire_reader.h"

#include "base/text.h"

namespace pyserver {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080;

// The length of the well-formed sequence of more than one byte at `at`, or 0 (Unicode 15, table 3-7).
std::size_t multibyte_sequence(const unsigned char* at, std::size_t left) noexcept {
  const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < left && at[i] >= low && at[i] <= high;
  };
  const unsigned first = at[0];
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = at + text.size();
  while (at != end) {
    if (*at >= 0x80) {
      const std::size_t length = multibyte_sequence(at, static_cast<std::size_t>(end - at));
      if (length == 0) return false;
      at += length;
      continue;
    }
    std::uint64_t eight = 0;
    if (end - at >= 8 && (std::memcpy(&eight, at, 8), (eight & kHighBits) == 0)) {
      at += 8;
    } else {
      ++at;
    }
  }
  return true;
}

bool WireReader::read_long_varint(std::uint64_t& value) noexcept {
  std::uint64_t result = 0;
  const std::byte* at = at_;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (at == end_) return fail("a varint that goes beyond the message");
    const std::uint64_t bits = std::to_integer<std::uint64_t>(*at++);
    result |= (bits & 0x7F) << shift;
    if (bits < 0x80) {
      at_ = at;
      value = result;
      return true;
    }
  }
  return fail("a varint of more than ten bytes");
}

bool WireReader::read_long_tag(std::uint32_t& tag) noexcept {
  const std::byte* const began = at_;
  std::uint64_t value = 0;
  if (!read_long_varint(value)) return false;
  const auto length = at_ - began;
  at_ = began;
  if (length > 5 || value > UINT32_MAX) return fail("a field number that is too large");
  if (value < 8) return fail("field number 0");
  at_ = began + length;
  tag = static_cast<std::uint32_t>(value);
  return true;
}

bool WireReader::skip_group(std::uint32_t number) noexcept {
  if (depth_ + 1 > kMaxDepth) return fail("groups nested too deeply");
  ++depth_;
  WireField field;
  while (at_ != end_) {
    if (!read_tag(field.tag)) return false;
    if ((field.tag & 7) == static_cast<std::uint32_t>(WireType::kEndGroup)) {
      if (field.tag >> 3 != number) return fail("the end of a group that did not begin");
      --depth_;
      return true;
    }
    bool skipped = false;
    switch (static_cast<WireType>(field.tag & 7)) {
      case WireType::kVarint: skipped = read_varint(field.number); break;
      case WireType::kLengthDelimited: skipped = read_bytes(field.bytes); break;
      case WireType::kFixed64: skipped = read_fixed<std::uint64_t>(field.number); break;
      case WireType::kFixed32: skipped = read_fixed<std::uint32_t>(field.number); break;
      case WireType::kStartGroup: skipped = skip_group(field.tag >> 3); break;
      default: return fail("an unknown wire type");
    }
    if (!skipped) return false;
  }
  return fail("a group without an end");
}

bool WireReader::adopt(const WireReader& part) noexcept {
  at_ = part.at_;
  problem_ = part.problem_;
  end_ = at_;
  return false;
}

bool WireReader::fail(const char* problem) noexcept {
  problem_ = problem;
  end_ = at_;  // nothing more is read
  return false;
}

Status WireReader::status() const {
  if (ok()) return {};
  return invalid_argument(concat("the message is malformed: ", problem_, ", at byte ", at_ - begin_));
}

}  // namespace pyserver
