// The headers of each format, behind read_header(). `bytes` begin with the format's magic bytes.
#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "image/picture_header.h"

namespace pyserver {

Result<PictureInfo> read_jpeg_header(std::span<const std::byte> bytes);
Result<PictureInfo> read_png_header(std::span<const std::byte> bytes);
Result<PictureInfo> read_webp_header(std::span<const std::byte> bytes);
Result<PictureInfo> read_bmp_header(std::span<const std::byte> bytes);

// "the PNG is truncated: 17 bytes came"
Status truncated(PictureFormat format, std::span<const std::byte> bytes);
// "the PNG is corrupt: bad CRC"
Status corrupt(PictureFormat format, std::string_view what);

}  // namespace pyserver
