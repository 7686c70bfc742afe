// Numbers out of a file's bytes. That `at` and what follows it lie within `bytes` is the caller's duty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pyserver {

inline std::uint32_t byte_at(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return std::to_integer<std::uint32_t>(bytes[at]);
}

inline std::uint32_t little16(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return byte_at(bytes, at) | byte_at(bytes, at + 1) << 8;
}

inline std::uint32_t little32(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return little16(bytes, at) | little16(bytes, at + 2) << 16;
}

inline std::uint32_t big16(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

inline std::uint32_t big32(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return big16(bytes, at) << 16 | big16(bytes, at + 2);
}

inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace pyserver
