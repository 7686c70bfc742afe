#include "image/pixel_rows.h"

#include <cstring>

namespace pyserver {
namespace {

// a * b / 255, rounded, without a division.
std::uint32_t scaled(std::uint32_t a, std::uint32_t b) noexcept {
  const std::uint32_t product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

// The format is decided once for a row, not for each pixel.
template <typename Write>
void for_format(PixelFormat format, Write write) noexcept {
  switch (format) {
    case PixelFormat::kRgb: write.template operator()<PixelFormat::kRgb>(); break;
    case PixelFormat::kBgr: write.template operator()<PixelFormat::kBgr>(); break;
    case PixelFormat::kGray: write.template operator()<PixelFormat::kGray>(); break;
  }
}

}  // namespace

void convert_gray(const std::uint8_t* from, std::size_t count, PixelFormat format, std::uint8_t* to) noexcept {
  if (format == PixelFormat::kGray) {
    std::memcpy(to, from, count);
    return;
  }
  for (std::size_t index = 0; index < count; ++index)
    to[3 * index] = to[3 * index + 1] = to[3 * index + 2] = from[index];
}

void convert_rgb(const std::uint8_t* from, std::size_t count, PixelFormat format, std::uint8_t* to) noexcept {
  for_format(format, [=]<PixelFormat kFormat>() {
    for (std::size_t index = 0; index < count; ++index) {
      const std::uint8_t* const pixel = from + 3 * index;
      write_rgb(pixel[0], pixel[1], pixel[2], kFormat, to + channels_of(kFormat) * index);
    }
  });
}

void convert_bytes(const std::uint8_t* from, std::size_t count, std::size_t pixel_bytes,
                   const std::array<std::size_t, 3>& places, PixelFormat format, std::uint8_t* to) noexcept {
  const std::size_t red = places[0], green = places[1], blue = places[2];
  const auto convert = [=]<std::size_t kPixelBytes>() {
    for_format(format, [=]<PixelFormat kFormat>() {
      for (std::size_t index = 0; index < count; ++index) {
        const std::uint8_t* const pixel = from + kPixelBytes * index;
        write_rgb(pixel[red], pixel[green], pixel[blue], kFormat, to + channels_of(kFormat) * index);
      }
    });
  };
  pixel_bytes == 3 ? convert.template operator()<3>() : convert.template operator()<4>();
}

void convert_inverted_cmyk(const std::uint8_t* from, std::size_t count, PixelFormat format, std::uint8_t* to) noexcept {
  for_format(format, [=]<PixelFormat kFormat>() {
    for (std::size_t index = 0; index < count; ++index) {
      const std::uint8_t* const pixel = from + 4 * index;
      const std::uint32_t light = pixel[3];
      // What ink takes away from the light is never more than the light, so nothing is to be clipped.
      write_rgb(light - scaled(255U - pixel[0], light), light - scaled(255U - pixel[1], light),
                light - scaled(255U - pixel[2], light), kFormat, to + channels_of(kFormat) * index);
    }
  });
}

void convert_indices(const std::uint8_t* from, std::size_t count, const Palette& palette, PixelFormat format,
                     std::uint8_t* to) noexcept {
  for_format(format, [=, &palette]<PixelFormat kFormat>() {
    for (std::size_t index = 0; index < count; ++index) {
      const Rgb& colour = palette[from[index]];
      write_rgb(colour[0], colour[1], colour[2], kFormat, to + channels_of(kFormat) * index);
    }
  });
}

}  // namespace pyserver
