// What an encoded picture says about itself, read without decoding it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"

namespace pyserver {

enum class PictureFormat { kJpeg, kPng, kWebp, kBmp };

// "JPEG" and its like.
std::string_view name_of(PictureFormat format) noexcept;

// No side of a picture may be longer, whatever its format could say.
inline constexpr std::int64_t kMaxPictureSide = 65'535;

struct PictureInfo {
  PictureFormat format = PictureFormat::kJpeg;
  // As the file stores the picture: before its orientation is applied. From 1 to kMaxPictureSide.
  std::int64_t stored_width = 0;
  std::int64_t stored_height = 0;
  // 1: gray or palette, 2: gray and alpha, 3: colour, 4: colour and alpha, or CMYK.
  int channels = 0;
  // Of one channel as it is stored: 1, 2, 4, 8 or 16. Of a BMP: of one pixel, which has all channels.
  int bit_depth = 0;
  // How the picture is to be turned before people see it, from 1 (not at all) to 8: what EXIF says, else XMP. Not read:
  // what a PNG holds in compressed text, as ImageMagick once wrote it.
  int orientation = 1;
  // Whether there is more than one picture in the file.
  bool animated = false;

  // After the orientation.
  std::int64_t width() const noexcept { return orientation >= 5 ? stored_height : stored_width; }
  std::int64_t height() const noexcept { return orientation >= 5 ? stored_width : stored_height; }
};

// Goes by the first bytes, not by any name. Reads the file's structure and no pixels, and allocates nothing.
// INVALID_ARGUMENT where the format is none of ours, the header is truncated or wrong, or the picture has no pixels.
//
// Unreadable metadata is no error: the picture is then taken as it is stored.
Result<PictureInfo> read_header(std::span<const std::byte> bytes);

}  // namespace pyserver
