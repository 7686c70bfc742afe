#include "codec/wire_reader.h"

#include "base/text.h"

namespace pyserver {
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
