// Messages put together by hand, byte for byte, so that tests do not lean on the writer that they also check.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "memory/allocator.h"
#include "memory/buffer_pool.h"
#include "tensor/tensor_view.h"

namespace pyserver::test {

std::string varint(std::uint64_t value);
std::string number(std::uint32_t field, std::uint64_t value);
// A string, bytes or embedded message.
std::string sized(std::uint32_t field, std::string_view value);

// The bytes of numbers as they lie in memory.
template <typename T>
std::string raw(std::initializer_list<T> values) {
  std::string out(values.size() * sizeof(T), '\0');
  std::memcpy(out.data(), std::data(values), out.size());
  return out;
}

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline HostAllocator allocator;
inline const std::shared_ptr<BufferPool> pool = BufferPool::create(allocator);

inline TensorView tensor(std::string_view name, Datatype datatype, Shape shape, std::string_view contents) {
  return {name, datatype, shape, bytes_of(contents)};
}

}  // namespace pyserver::test
