// A checksum of page-locked memory, by which a change between a copy's call and its execution is seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fake_cuda {

// Never 0. FNV-1a, by words of eight bytes (http://www.isthe.com/chongo/tech/comp/fnv).
inline std::uint64_t host_sum(const std::byte* bytes, std::size_t size) {
  std::uint64_t sum = 14695981039346656037U;
  const auto take = [&sum](std::uint64_t word) { sum = (sum ^ word) * 1099511628211U; };
  for (; size >= sizeof(std::uint64_t); bytes += sizeof(std::uint64_t), size -= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    take(word);
  }
  for (; size > 0; ++bytes, --size) take(static_cast<std::uint64_t>(*bytes));
  return sum == 0 ? 1 : sum;
}

}  // namespace fake_cuda
