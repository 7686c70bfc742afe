// The decoders of each format, behind decode().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "image/picture_header.h"
#include "image/pixel_rows.h"

namespace pyserver {

// Where a decoder writes: the picture as it is stored, rows from top to bottom, without gaps.
struct Canvas {
  std::uint8_t* pixels;
  std::size_t width;
  std::size_t height;
  PixelFormat format;

  std::size_t row_bytes() const noexcept { return width * channels_of(format); }
  std::uint8_t* row(std::size_t y) const noexcept { return pixels + y * row_bytes(); }
};

struct JpegReduction {
  int divisor = 1;
  // Gray is the file's own luma instead of what its colours give.
  bool own_luma = false;
};

// The canvas has the size that `info` tells, or that reduced. INVALID_ARGUMENT where the file is truncated or corrupt.
Status decode_jpeg(std::span<const std::byte> bytes, const PictureInfo& info, const JpegReduction& reduction,
                   const Canvas& canvas);
// `scratch` has png_scratch_bytes().
Status decode_png(std::span<const std::byte> bytes, const PictureInfo& info, std::span<std::byte> scratch,
                  const Canvas& canvas);
// `scratch` has webp_scratch_bytes().
Status decode_webp(std::span<const std::byte> bytes, const PictureInfo& info, std::span<std::byte> scratch,
                   const Canvas& canvas);
Status decode_bmp(std::span<const std::byte> bytes, const Canvas& canvas);

std::size_t png_scratch_bytes(std::span<const std::byte> bytes, const PictureInfo& info, PixelFormat format) noexcept;
std::size_t webp_scratch_bytes(const PictureInfo& info, PixelFormat format) noexcept;

}  // namespace pyserver
