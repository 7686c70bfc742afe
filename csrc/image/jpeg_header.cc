#include <optional>
#include <string_view>

#include "base/text.h"
#include "image/byte_order.h"
#include "image/format_headers.h"
#include "image/metadata.h"

namespace pyserver {
namespace {

// Names from ITU-T T.81, table B.1.
constexpr std::uint32_t kStartOfScan = 0xDA;
constexpr std::uint32_t kEndOfImage = 0xD9;
constexpr std::uint32_t kApp1 = 0xE1;

bool is_frame(std::uint32_t marker) noexcept {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

// TEM, RST0 to RST7, SOI; and the zero after a 0xFF that is no marker.
bool stands_alone(std::uint32_t marker) noexcept { return marker <= 0x01 || (marker >= 0xD0 && marker <= 0xD8); }

Status read_frame(std::span<const std::byte> segment, PictureInfo& info) {
  if (segment.size() < 6) return corrupt(info.format, "its frame header is too short");
  info.bit_depth = static_cast<int>(byte_at(segment, 0));
  info.stored_height = big16(segment, 1);
  info.stored_width = big16(segment, 3);
  info.channels = static_cast<int>(byte_at(segment, 5));
  if (info.bit_depth != 8) {
    return invalid_argument(concat("expected a JPEG of 8 bits a channel, got ", info.bit_depth));
  }
  if (info.channels != 1 && info.channels != 3 && info.channels != 4) {
    return invalid_argument(concat("expected a JPEG of 1, 3 or 4 channels, got ", info.channels));
  }
  return {};
}

}  // namespace

Result<PictureInfo> read_jpeg_header(std::span<const std::byte> bytes) {
  PictureInfo info{.format = PictureFormat::kJpeg};
  std::optional<int> exif, xmp;
  for (std::size_t at = 2;;) {
    // Between segments anything may stand, and a marker may have any number of 0xFF in front.
    while (at < bytes.size() && byte_at(bytes, at) != 0xFF) ++at;
    while (at < bytes.size() && byte_at(bytes, at) == 0xFF) ++at;
    if (at == bytes.size()) return truncated(info.format, bytes);
    const std::uint32_t marker = byte_at(bytes, at++);
    if (stands_alone(marker)) continue;
    if (marker == kEndOfImage) return corrupt(info.format, "it ends before its picture begins");
    if (bytes.size() - at < 2) return truncated(info.format, bytes);
    const std::size_t length = big16(bytes, at);
    if (length < 2) return corrupt(info.format, "a segment has no length");
    if (bytes.size() - at < length) return truncated(info.format, bytes);
    const std::span<const std::byte> segment = bytes.subspan(at + 2, length - 2);
    at += length;
    if (marker == kStartOfScan) break;
    if (is_frame(marker) && info.channels == 0) {
      if (Status status = read_frame(segment, info); !status.ok()) return status;
    } else if (marker == kApp1) {
      constexpr std::string_view kExif{"Exif\0\0", 6};
      constexpr std::string_view kXmp{"http://ns.adobe.com/xap/1.0/\0", 29};
      if (as_text(segment).starts_with(kExif) && !exif) exif = exif_orientation(segment);
      if (as_text(segment).starts_with(kXmp)) xmp = xmp_orientation(segment.subspan(kXmp.size()));
    }
  }
  if (info.channels == 0) return corrupt(info.format, "its scan comes before its frame header");
  info.orientation = exif.value_or(xmp.value_or(1));
  return info;
}

}  // namespace pyserver
