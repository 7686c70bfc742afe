// Decoding pictures: an encoded picture in, rows of 8-bit pixels out.
//
//     plan = plan_decode(bytes, options)          from the header alone: size, memory, refusals
//     decode(bytes, *plan, scratch, output)
//
// The pixels are those of Pillow's Image.open(…), ImageOps.exif_transpose(…), .convert("RGB" or "L"): alpha and
// transparency are dropped, CMYK is taken as inverted (as Adobe's programs write it), 16 bits a channel lose the lower
// eight. Where Pillow's way loses what was meant, or the file is not whole, there is a refusal instead:
//   - gray PNG of 16 bits (Pillow turns everything above 255 into white)
//   - animated WebP, which has no picture to stand for all; of an animated PNG the default picture is taken, as in
//   Pillow
//   - JPEG whose pixels are damaged, where libjpeg makes something up; PNG with a wrong checksum
//
// Memory beside `scratch` and `output`: of a JPEG at most 16 bytes for each of its pixels and 32 MiB; of a PNG some
// rows and zlib's window; of a BMP none. Of a WebP what libwebp takes, which offers no limit: some rows of a lossy one;
// 4 bytes a pixel of a lossless one, and 6 KiB for each of its groups of Huffman codes, of which there may be one for each
// 16 pixels and 65,536 in all: real files have few, a file made for it (295 KB, 1024x1024 pixels) takes 370 MB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "image/picture_header.h"
#include "image/pixel_rows.h"

namespace pyserver {

struct DecodeOptions {
  PixelFormat format = PixelFormat::kRgb;
  // Whether the picture is turned as its metadata says.
  bool apply_orientation = true;
  // Larger pictures are refused before anything is allocated. Pillow warns from this size on.
  std::int64_t max_pixels = 89'478'485;
  // 0: the full picture. Else a JPEG is decoded at 1/2, 1/4 or 1/8 of its size, the smallest that still has this many
  // pixels along each side: as Pillow's Image.draft(mode, (N, N)) does, which for kGray takes the JPEG's own luma.
  std::int64_t draft = 0;
};

struct DecodePlan {
  PictureInfo info;
  PixelFormat format = PixelFormat::kRgb;
  // What comes out: rows from top to bottom, without gaps.
  std::int64_t width = 0;
  std::int64_t height = 0;
  // The full picture's sides are divided by it, rounded up: 1, 2, 4 or 8.
  int reduction = 1;
  bool draft = false;
  std::size_t output_bytes = 0;
  // At most twice output_bytes, or 3 bytes a pixel more.
  std::size_t scratch_bytes = 0;
};

// INVALID_ARGUMENT where the header is not readable, the picture is too large, or it is one that is refused.
Result<DecodePlan> plan_decode(std::span<const std::byte> bytes, const DecodeOptions& options);

// `plan` was made of these bytes; `scratch` and `output` have the bytes that it asks for. INVALID_ARGUMENT where the
// picture is truncated or corrupt; `output` then holds nothing of use.
Status decode(std::span<const std::byte> bytes, const DecodePlan& plan, std::span<std::byte> scratch,
              std::span<std::byte> output);

}  // namespace pyserver
