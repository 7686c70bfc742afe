#include "codec/wire_writer.h"

namespace pyserver {
namespace {

std::size_t packed_length(std::span<const std::int64_t> values) noexcept {
  std::size_t length = 0;
  for (std::int64_t value : values) length += varint_size(wire_int(value));
  return length;
}

}  // namespace

std::size_t packed_size(std::uint32_t number, std::span<const std::int64_t> values) noexcept {
  return values.empty() ? 0 : bytes_size(number, packed_length(values));
}

void WireWriter::packed(std::uint32_t number, std::span<const std::int64_t> values) noexcept {
  if (values.empty()) return;
  begin_message(number, packed_length(values));
  for (std::int64_t value : values) varint(wire_int(value));
}

void WireWriter::patch_length(std::size_t place, std::size_t length) noexcept {
  std::byte* at = begin_ + place;
  for (std::size_t i = 0; i + 1 < kPaddedLengthSize; ++i) {
    *at++ = static_cast<std::byte>((length & 0x7F) | 0x80);
    length >>= 7;
  }
  *at = static_cast<std::byte>(length);
}

}  // namespace pyserver
