#include "memory/reserve.h"

#include <algorithm>
#include <utility>

namespace pyserver {

Result<std::span<std::byte>> reserve(BufferPool& pool, Buffer& buffer, std::size_t bytes) {
  if (buffer.capacity() < bytes || buffer.data() == nullptr) {
    buffer = Buffer();
    Result<Buffer> larger = pool.take(std::max<std::size_t>(bytes, 1));
    if (!larger.ok()) return std::move(larger).status();
    buffer = *std::move(larger);
  }
  buffer.truncate(bytes);
  return buffer.bytes();
}

}  // namespace pyserver
