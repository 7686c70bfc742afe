// Compression of messages: identity, gzip and deflate (zlib format), by zlib.
//
// Thread-safe: no state between calls.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/status.h"
#include "memory/buffer_pool.h"

namespace pyserver {

enum class Compression { kIdentity, kDeflate, kGzip };

// For grpc-accept-encoding.
inline constexpr std::string_view kAcceptedEncodings = "identity,deflate,gzip";

std::string_view name_of(Compression compression) noexcept;
std::optional<Compression> compression_named(std::string_view name) noexcept;
// Whether `accepted` (a grpc-accept-encoding list) has it; identity always.
bool accepts(std::string_view accepted, Compression compression) noexcept;

// RESOURCE_EXHAUSTED where the memory is not there. Fast rather than tight: tensors hardly shrink more for more work.
Result<Buffer> compress(Compression compression, std::span<const std::byte> bytes, BufferPool& pool);
// OUT_OF_RANGE as soon as more than `max_bytes` come out (a bomb costs no more than that); RESOURCE_EXHAUSTED where
// the memory is not there; INTERNAL where the bytes are not of that format, end too early or too late, as grpc has it.
Result<Buffer> decompress(Compression compression, std::span<const std::byte> bytes, std::size_t max_bytes,
                          BufferPool& pool);

}  // namespace pyserver
