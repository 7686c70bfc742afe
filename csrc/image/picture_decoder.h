// Decoding pictures: an encoded picture in, rows of 8-bit pixels out.
//
//     plan = plan_decode(bytes, options)          from the header alone: size, memory, refusals
//     decode(bytes, *plan, scratch, output)
//
// The pixels are those of Pillow's Image.open(…), ImageOps.exif_transpose(…), .convert("RGB" or "L"): alpha and
// transparency are dropped, CMYK is taken as inverted (as Adobe's programs write it), 16 bits a channel lose the lower
// eight. Where Pillow's way loses what was meant, or the file is not whole, there is a refusal instead:
//   - gray PNG of 16 bits (Pillow turns everything above 255 into white);
//   - animated WebP, which has no picture to stand for all (of an animated PNG its default picture is taken);
//   - JPEG whose pixels are damaged, where libjpeg makes something up, and PNG with a wrong checksum.
//
// Memory beside `scratch` and `output`:
//   - JPEG: at most 32 MiB and 16 bytes for each of its pixels;
//   - PNG: some rows and zlib's window; BMP: none;
//   - WebP: what libwebp takes, which has no limit to set. Lossy: some rows. Lossless: 4 bytes a pixel, and 6 KiB for
//     each group of Huffman codes, of which a file may have one for 16 pixels and 65,536 in all. Real files have few;
//     one made for it (295 KB, 1024x1024 pixels) takes 370 MB.
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
  // At most output_bytes and 3 bytes a pixel.
  std::size_t scratch_bytes = 0;
};

// INVALID_ARGUMENT where the header is not readable, the picture is too large, or it is one that is refused.
Result<DecodePlan> plan_decode(std::span<const std::byte> bytes, const DecodeOptions& options);

// `plan` was made of these bytes; `scratch` and `output` have the bytes that it asks for. INVALID_ARGUMENT where the
// picture is truncated or corrupt; `output` then holds nothing of use.
Status decode(std::span<const std::byte> bytes, const DecodePlan& plan, std::span<std::byte> scratch,
              std::span<std::byte> output);

}  // namespace pyserver
