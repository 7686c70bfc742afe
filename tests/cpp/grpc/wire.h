// Writing and reading what lies on the wire, for the tests of grpc.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "memory/buffer_pool.h"

namespace pyserver {

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string text_of(const Buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.data()), buffer.size()};
}

// gRPC's prefix of a message.
inline std::string framed_prefix(int flag, std::size_t length) {
  std::string prefix(1, static_cast<char>(flag));
  for (const int shift : {24, 16, 8, 0}) prefix.push_back(static_cast<char>(length >> shift & 0xff));
  return prefix;
}
inline std::string framed(std::string_view message, int flag = 0) {
  return framed_prefix(flag, message.size()).append(message);
}

}  // namespace pyserver
