#include <optional>
#include <string_view>

#include "base/text.h"
#include "image/byte_order.h"
#include "image/format_headers.h"
#include "image/metadata.h"

namespace pyserver {
namespace {

constexpr std::size_t kSignatureBytes = 8;
// Length, type and checksum of a chunk.
constexpr std::size_t kChunkBytes = 12;
constexpr std::size_t kHeaderBytes = 13;

// Channels by colour type and bits of each, 0 for what there is not: the PNG specification, table 12.
int channels_of(std::uint32_t colour_type, int depth) noexcept {
  const bool small = depth == 1 || depth == 2 || depth == 4;
  const bool whole = depth == 8 || depth == 16;
  switch (colour_type) {
    case 0: return small || whole ? 1 : 0;
    case 2: return whole ? 3 : 0;
    case 3: return small || depth == 8 ? 1 : 0;
    case 4: return whole ? 2 : 0;
    case 6: return whole ? 4 : 0;
    default: return 0;
  }
}

Status read_ihdr(std::span<const std::byte> header, PictureInfo& info) {
  info.stored_width = big32(header, 0);
  info.stored_height = big32(header, 4);
  info.bit_depth = static_cast<int>(byte_at(header, 8));
  info.channels = channels_of(byte_at(header, 9), info.bit_depth);
  if (info.channels == 0) {
    return corrupt(info.format,
                   concat("there is no colour type ", byte_at(header, 9), " of ", info.bit_depth, " bits"));
  }
  if (info.bit_depth == 16 && byte_at(header, 9) == 0) {
    // Pillow clips to 255 whatever is above, OpenCV keeps the upper eight bits, and neither is what was meant.
    return invalid_argument(
        "a gray PNG of 16 bits has no one meaning in 8: expected 8 bits, or 16 bits with colour or alpha");
  }
  return {};
}

// "XML:com.adobe.xmp", no compression, then two texts that end with a zero, then the packet.
std::span<const std::byte> xmp_in(std::span<const std::byte> text_chunk) noexcept {
  constexpr std::string_view kBegin{"XML:com.adobe.xmp\0\0\0", 20};
  std::string_view text = as_text(text_chunk);
  if (!text.starts_with(kBegin)) return {};
  const std::size_t language = text.find('\0', kBegin.size());
  if (language == text.npos) return {};
  const std::size_t keyword = text.find('\0', language + 1);
  return keyword == text.npos ? std::span<const std::byte>() : text_chunk.subspan(keyword + 1);
}

}  // namespace

Result<PictureInfo> read_png_header(std::span<const std::byte> bytes) {
  PictureInfo info{.format = PictureFormat::kPng};
  if (bytes.size() < kSignatureBytes + kChunkBytes + kHeaderBytes) return truncated(info.format, bytes);
  if (big32(bytes, 8) != kHeaderBytes || as_text(bytes.subspan(12, 4)) != "IHDR") {
    return corrupt(info.format, "it does not begin with its header");
  }
  if (Status status = read_ihdr(bytes.subspan(16, kHeaderBytes), info); !status.ok()) return status;
  std::optional<int> exif, xmp;
  bool pixels_began = false;
  // Metadata may come after the pixels. Where a chunk is cut, what is missing is the decoder's to tell.
  for (std::size_t at = kSignatureBytes + kChunkBytes + kHeaderBytes; bytes.size() - at >= kChunkBytes;) {
    const std::size_t length = big32(bytes, at);
    if (length > bytes.size() - at - kChunkBytes) break;
    const std::string_view type = as_text(bytes.subspan(at + 4, 4));
    const std::span<const std::byte> chunk = bytes.subspan(at + 8, length);
    if (type == "IEND") break;
    pixels_began |= type == "IDAT";
    if (type == "acTL" && !pixels_began) info.animated = true;
    if (type == "eXIf") exif = exif_orientation(chunk);
    if (type == "iTXt") {
      if (const auto packet = xmp_in(chunk); !packet.empty()) xmp = xmp_orientation(packet);
    }
    at += kChunkBytes + length;
  }
  info.orientation = exif.value_or(xmp.value_or(1));
  return info;
}

}  // namespace pyserver
