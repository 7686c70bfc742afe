#include <optional>
#include <string_view>

#include "base/text.h"
#include "image/byte_order.h"
#include "image/format_headers.h"
#include "image/metadata.h"

namespace pyserver {
namespace {

// "RIFF", size, "WEBP"
constexpr std::size_t kRiffBytes = 12;
// Type and size of a chunk.
constexpr std::size_t kChunkBytes = 8;

struct Chunk {
  std::string_view type;
  std::span<const std::byte> data;
};

// The chunk at `at`, which moves to the one after it. Nothing where there is none, or it is cut.
std::optional<Chunk> next_chunk(std::span<const std::byte> bytes, std::size_t& at) noexcept {
  if (at > bytes.size() || bytes.size() - at < kChunkBytes) return std::nullopt;
  const std::size_t size = little32(bytes, at + 4);
  if (size > bytes.size() - at - kChunkBytes) return std::nullopt;
  const Chunk chunk{as_text(bytes.subspan(at, 4)), bytes.subspan(at + kChunkBytes, size)};
  at += kChunkBytes + size + size % 2;
  return chunk;
}

// RFC 6386, section 9.1.
Status read_lossy(std::span<const std::byte> data, PictureInfo& info) {
  if (data.size() < 10 || as_text(data.subspan(3, 3)) != "\x9d\x01\x2a") {
    return corrupt(info.format, "its lossy picture has no header");
  }
  info.channels = 3;
  info.stored_width = little16(data, 6) & 0x3FFF;
  info.stored_height = little16(data, 8) & 0x3FFF;
  return {};
}

// "Specification for WebP Lossless Bitstream", section 3.
Status read_lossless(std::span<const std::byte> data, PictureInfo& info) {
  if (data.size() < 5 || byte_at(data, 0) != 0x2F) return corrupt(info.format, "its lossless picture has no header");
  const std::uint32_t bits = little32(data, 1);
  info.channels = (bits >> 28 & 1) != 0 ? 4 : 3;
  info.stored_width = (bits & 0x3FFF) + 1;
  info.stored_height = (bits >> 14 & 0x3FFF) + 1;
  return {};
}

// "WebP Container Specification", "Extended File Format". `at`: where the chunks after VP8X begin.
Status read_extended(std::span<const std::byte> data, std::span<const std::byte> bytes, std::size_t at,
                     PictureInfo& info) {
  constexpr std::uint32_t kAnimation = 0x02, kXmp = 0x04, kExif = 0x08, kAlpha = 0x10;
  if (data.size() < 10) return corrupt(info.format, "its extended header is too short");
  const std::uint32_t flags = byte_at(data, 0);
  info.animated = (flags & kAnimation) != 0;
  info.channels = (flags & kAlpha) != 0 ? 4 : 3;
  info.stored_width = (little16(data, 4) | byte_at(data, 6) << 16) + 1;
  info.stored_height = (little16(data, 7) | byte_at(data, 9) << 16) + 1;
  std::optional<int> exif, xmp;
  while (const auto chunk = next_chunk(bytes, at)) {
    if (chunk->type == "EXIF" && (flags & kExif) != 0 && !exif) exif = exif_orientation(chunk->data);
    if (chunk->type == "XMP " && (flags & kXmp) != 0 && !xmp) xmp = xmp_orientation(chunk->data);
  }
  info.orientation = exif.value_or(xmp.value_or(1));
  return {};
}

}  // namespace

Result<PictureInfo> read_webp_header(std::span<const std::byte> bytes) {
  PictureInfo info{.format = PictureFormat::kWebp, .bit_depth = 8};
  const std::size_t announced = little32(bytes, 4);
  // libwebp would decode as much as there is.
  if (announced > bytes.size() - 8) return truncated(info.format, bytes);
  bytes = bytes.first(announced + 8);
  std::size_t at = kRiffBytes;
  const std::optional<Chunk> first = next_chunk(bytes, at);
  if (!first) return truncated(info.format, bytes);
  Status status;
  if (first->type == "VP8 ") {
    status = read_lossy(first->data, info);
  } else if (first->type == "VP8L") {
    status = read_lossless(first->data, info);
  } else if (first->type == "VP8X") {
    status = read_extended(first->data, bytes, at, info);
  } else {
    status = corrupt(info.format, concat("it begins with the chunk ", quoted(first->type)));
  }
  if (!status.ok()) return status;
  return info;
}

}  // namespace pyserver
