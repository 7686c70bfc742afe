// Rows of pixels from what files hold to what callers want, in Pillow's arithmetic.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pyserver {

enum class PixelFormat { kRgb, kBgr, kGray };

// Bytes of a pixel.
constexpr std::size_t channels_of(PixelFormat format) noexcept { return format == PixelFormat::kGray ? 1 : 3; }

using Rgb = std::array<std::uint8_t, 3>;
// An index that a file's palette does not reach is black, as in Pillow.
using Palette = std::array<Rgb, 256>;

// `count` pixels of `from` as `format` into `to`; they do not overlap.
void convert_gray(const std::uint8_t* from, std::size_t count, PixelFormat format, std::uint8_t* to) noexcept;
void convert_rgb(const std::uint8_t* from, std::size_t count, PixelFormat format, std::uint8_t* to) noexcept;
// With all four inverted, as Adobe's programs write CMYK into JPEG.
void convert_inverted_cmyk(const std::uint8_t* from, std::size_t count, PixelFormat format, std::uint8_t* to) noexcept;
void convert_indices(const std::uint8_t* from, std::size_t count, const Palette& palette, PixelFormat format,
                     std::uint8_t* to) noexcept;

// Pixels of `pixel_bytes` bytes, 3 or 4, of which places[0] is red, places[1] green and places[2] blue.
void convert_bytes(const std::uint8_t* from, std::size_t count, std::size_t pixel_bytes,
                   const std::array<std::size_t, 3>& places, PixelFormat format, std::uint8_t* to) noexcept;

// One pixel.
inline void write_rgb(std::uint32_t red, std::uint32_t green, std::uint32_t blue, PixelFormat format,
                      std::uint8_t* to) noexcept {
  switch (format) {
    case PixelFormat::kRgb:
      to[0] = static_cast<std::uint8_t>(red);
      to[1] = static_cast<std::uint8_t>(green);
      to[2] = static_cast<std::uint8_t>(blue);
      break;
    case PixelFormat::kBgr:
      to[0] = static_cast<std::uint8_t>(blue);
      to[1] = static_cast<std::uint8_t>(green);
      to[2] = static_cast<std::uint8_t>(red);
      break;
    case PixelFormat::kGray:
      // ITU-R 601-2 luma in 16 bits of fraction, rounded, as Pillow's Convert.c computes it.
      to[0] = static_cast<std::uint8_t>((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16);
      break;
  }
}

}  // namespace pyserver
