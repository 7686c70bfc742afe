#include "image/picture_header.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"
#include "image/byte_order.h"
#include "image/format_headers.h"

namespace pyserver {
namespace {

// Formats that people send though we do not read them, so that the answer can name what came.
struct KnownFormat {
  std::string_view magic;
  std::size_t at;
  std::string_view name;
};
constexpr auto kForeignFormats = std::to_array<KnownFormat>({{"GIF8", 0, "GIF"},
                                                             {{"II*\0", 4}, 0, "TIFF"},
                                                             {{"MM\0*", 4}, 0, "TIFF"},
                                                             {"ftypavif", 4, "AVIF"},
                                                             {"ftyphei", 4, "HEIF"},
                                                             {"ftypmif1", 4, "HEIF"},
                                                             {{"\0\0\0\x0cjP", 6}, 0, "JPEG 2000"},
                                                             {"\xff\x0a", 0, "JPEG XL"},
                                                             {"8BPS", 0, "Photoshop"},
                                                             {"%PDF", 0, "PDF"},
                                                             {"<svg", 0, "SVG"},
                                                             {"<?xml", 0, "XML"},
                                                             {"\x1f\x8b", 0, "gzip"},
                                                             {"data:", 0, "a data URL, which is text"}});

Status unknown_format(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string begin;
  for (const std::byte byte : bytes.first(std::min<std::size_t>(bytes.size(), 4))) {
    begin += concat(begin.empty() ? "" : " ", kDigits[std::to_integer<std::size_t>(byte >> 4)],
                    kDigits[std::to_integer<std::size_t>(byte & std::byte{15})]);
  }
  const auto known = std::ranges::find_if(kForeignFormats, [text = as_text(bytes)](const KnownFormat& format) {
    return text.size() > format.at && text.substr(format.at).starts_with(format.magic);
  });
  return invalid_argument(concat("expected JPEG, PNG, WebP or BMP, got bytes that begin with ", begin,
                                 known == kForeignFormats.end() ? "" : concat(" (", known->name, ")")));
}

Result<PictureInfo> read_known_header(std::span<const std::byte> bytes) {
  const std::string_view text = as_text(bytes);
  if (text.starts_with("\xff\xd8\xff")) return read_jpeg_header(bytes);
  if (text.starts_with("\x89PNG\r\n\x1a\n")) return read_png_header(bytes);
  if (text.starts_with("RIFF") && text.size() >= 12 && text.substr(8, 4) == "WEBP") return read_webp_header(bytes);
  if (text.starts_with("BM")) return read_bmp_header(bytes);
  return unknown_format(bytes);
}

}  // namespace

std::string_view name_of(PictureFormat format) noexcept {
  switch (format) {
    case PictureFormat::kJpeg: return "JPEG";
    case PictureFormat::kPng: return "PNG";
    case PictureFormat::kWebp: return "WebP";
    case PictureFormat::kBmp: return "BMP";
  }
  return "picture";
}

Status truncated(PictureFormat format, std::span<const std::byte> bytes) {
  return invalid_argument(concat("the ", name_of(format), " is truncated: ", bytes.size(), " bytes came"));
}

Status corrupt(PictureFormat format, std::string_view what) {
  return invalid_argument(concat("the ", name_of(format), " is corrupt: ", what));
}

Result<PictureInfo> read_header(std::span<const std::byte> bytes) {
  if (bytes.empty()) return invalid_argument("expected JPEG, PNG, WebP or BMP, got 0 bytes");
  Result<PictureInfo> info = read_known_header(bytes);
  if (!info.ok()) return info;
  const std::string size = concat(info->stored_width, "x", info->stored_height);
  if (info->stored_width < 1 || info->stored_height < 1) {
    return corrupt(info->format, concat("it says that it has ", size, " pixels"));
  }
  if (info->stored_width > kMaxPictureSide || info->stored_height > kMaxPictureSide) {
    return invalid_argument(concat("the ", name_of(info->format), " has ", size, " pixels: expected at most ",
                                   kMaxPictureSide, " along each side"));
  }
  return info;
}

}  // namespace pyserver
