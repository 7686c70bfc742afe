#include "image/bmp_header.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "image/byte_order.h"
#include "image/format_headers.h"

namespace pyserver {
namespace {

constexpr std::size_t kFileHeaderBytes = 14;
// BITMAPCOREHEADER, with sides of 16 bits and palette entries of three bytes; the others begin as BITMAPINFOHEADER.
constexpr std::size_t kCoreHeaderBytes = 12;
constexpr std::size_t kInfoHeaderBytes = 40;
constexpr auto kHeaderSizes = std::to_array<std::size_t>({kCoreHeaderBytes, kInfoHeaderBytes, 52, 56, 64, 108, 124});
constexpr auto kBits = std::to_array<int>({1, 4, 8, 16, 24, 32});
// From this size on, the masks of bit fields lie within the header; else after it.
constexpr std::size_t kHeaderBytesWithMasks = 52;
constexpr std::size_t kMaskBytes = 12;

enum Compression : std::uint32_t { kNone = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3 };

Status not_ours(std::string_view what, std::uint64_t got) {
  return invalid_argument(concat("a BMP with ", what, " ", got, " is not supported"));
}

// Which byte a mask selects.
std::optional<std::size_t> place_of(std::uint32_t mask) noexcept {
  for (std::size_t place = 0; place < 4; ++place) {
    if (mask == 0xFFU << (8 * place)) return place;
  }
  return std::nullopt;
}

Status read_masks(std::span<const std::byte> masks, BmpHeader& header) {
  const std::array<std::uint32_t, 3> rgb{little32(masks, 0), little32(masks, 4), little32(masks, 8)};
  const bool none = rgb == std::array<std::uint32_t, 3>{0, 0, 0};
  if (header.bits == 16) {
    if (rgb == std::array<std::uint32_t, 3>{0x7C00, 0x3E0, 0x1F}) return {};
    header.red_shift = 11;
    if (rgb == std::array<std::uint32_t, 3>{0xF800, 0x7E0, 0x1F}) return {};
  } else if (header.bits >= 24 && !none) {
    bool whole_bytes = true;
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const std::optional<std::size_t> place = place_of(rgb[channel]);
      whole_bytes = whole_bytes && place && *place < static_cast<std::size_t>(header.bits / 8);
      header.places[channel] = place.value_or(0);
    }
    if (whole_bytes) return {};
  } else if (header.bits == 32) {
    return {};  // no masks are the usual ones
  }
  return invalid_argument(concat("a BMP of ", header.bits, " bits whose bit fields are ", rgb[0], ", ", rgb[1], ", ",
                                 rgb[2], " is not supported"));
}

Status read_packing(std::uint32_t compression, BmpHeader& header) {
  if (compression == kRle8 && header.bits == 8) {
    header.packing = BmpHeader::Packing::kRle8;
  } else if (compression == kRle4 && header.bits == 4) {
    header.packing = BmpHeader::Packing::kRle4;
  } else if (compression != kNone && (compression != kBitFields || header.bits <= 8)) {
    return not_ours(concat(header.bits, " bits and compression"), compression);
  }
  return {};
}

// What BITMAPINFOHEADER and its extensions say beyond bits and sides.
Status read_info(std::span<const std::byte> info, std::span<const std::byte> bytes, BmpHeader& header,
                 std::uint32_t& colours) {
  const std::uint32_t compression = little32(info, 16);
  colours = little32(info, 32);
  if (Status status = read_packing(compression, header); !status.ok()) return status;
  if (compression != kBitFields) return {};
  const std::size_t at =
      info.size() >= kHeaderBytesWithMasks ? kFileHeaderBytes + kInfoHeaderBytes : kFileHeaderBytes + info.size();
  if (bytes.size() < at + kMaskBytes) return truncated(PictureFormat::kBmp, bytes);
  return read_masks(bytes.subspan(at, kMaskBytes), header);
}

// `colours` entries of blue, green, red and, in all but the oldest files, a byte that means nothing.
void read_palette(std::span<const std::byte> entries, std::size_t colours, std::size_t entry_bytes, Palette& palette) {
  bool grays = colours != 2;
  for (std::size_t index = 0; index < colours; ++index) {
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const std::uint32_t value = byte_at(entries, index * entry_bytes + 2 - channel);
      palette[index][channel] = static_cast<std::uint8_t>(value);
      grays = grays && value == index;
    }
  }
  // A palette that begins as the grays do stands for all of them, as in Pillow.
  for (std::size_t index = colours; grays && index < palette.size(); ++index) {
    palette[index].fill(static_cast<std::uint8_t>(index));
  }
}

}  // namespace

Result<BmpHeader> parse_bmp_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kFileHeaderBytes + 4) return truncated(PictureFormat::kBmp, bytes);
  const std::size_t size = little32(bytes, kFileHeaderBytes);
  if (std::ranges::find(kHeaderSizes, size) == kHeaderSizes.end()) return not_ours("a header of size", size);
  if (bytes.size() < kFileHeaderBytes + size) return truncated(PictureFormat::kBmp, bytes);
  const std::span<const std::byte> info = bytes.subspan(kFileHeaderBytes, size);
  const bool core = size == kCoreHeaderBytes;

  BmpHeader header;
  header.width = core ? little16(info, 4) : little32(info, 4);
  header.height = core ? little16(info, 6) : little32(info, 8);
  header.top_down = !core && byte_at(info, 11) == 0xFF;
  if (header.top_down) header.height = (std::int64_t{1} << 32) - header.height;
  header.bits = static_cast<int>(little16(info, core ? 10 : 14));
  if (std::ranges::find(kBits, header.bits) == kBits.end()) {
    return invalid_argument(concat("expected a BMP of 1, 4, 8, 16, 24 or 32 bits, got ", header.bits));
  }
  std::uint32_t colours = 0;
  if (!core) {
    if (Status status = read_info(info, bytes, header, colours); !status.ok()) return status;
  }
  header.offset = little32(bytes, 10);
  const std::size_t palette_at = kFileHeaderBytes + size;
  if (header.bits > 8) {
    if (header.offset == 0) return corrupt(PictureFormat::kBmp, "it does not say where its pixels begin");
    return header;
  }
  if (colours == 0) colours = 1U << header.bits;
  if (colours > 256) return not_ours("a palette of size", colours);
  const std::size_t entry_bytes = core ? 3 : 4;
  if (bytes.size() - palette_at < colours * entry_bytes) return truncated(PictureFormat::kBmp, bytes);
  read_palette(bytes.subspan(palette_at), colours, entry_bytes, header.palette);
  // Some writers forget the palette where they say where the pixels begin, or do not say it.
  if (header.offset == palette_at || header.offset == 0) header.offset = palette_at + colours * entry_bytes;
  return header;
}

Result<PictureInfo> read_bmp_header(std::span<const std::byte> bytes) {
  const Result<BmpHeader> header = parse_bmp_header(bytes);
  if (!header.ok()) return header.status();
  return PictureInfo{.format = PictureFormat::kBmp,
                     .stored_width = header->width,
                     .stored_height = header->height,
                     .channels = header->bits <= 8 ? 1 : 3,
                     .bit_depth = header->bits};
}

}  // namespace pyserver
