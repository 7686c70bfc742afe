// A BMP's header, as far as its pixels need it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "image/pixel_rows.h"

namespace pyserver {

struct BmpHeader {
  enum class Packing { kRaw, kRle8, kRle4 };

  std::int64_t width = 0;
  std::int64_t height = 0;
  // Most files begin with the lowest row.
  bool top_down = false;
  // Of one pixel: 1, 4, 8 (indices of the palette), 16, 24 or 32.
  int bits = 0;
  Packing packing = Packing::kRaw;
  // Where in a pixel of 16 bits green begins and red begins: 5 and 10, or 5 and 11.
  int red_shift = 10;
  // Which byte of a pixel of 24 or 32 bits is red, green, blue.
  std::array<std::size_t, 3> places{2, 1, 0};
  Palette palette{};
  // Where the pixels begin.
  std::size_t offset = 0;

  // Rows are padded to four bytes.
  std::size_t row_bytes() const noexcept {
    return (static_cast<std::size_t>(width) * static_cast<std::size_t>(bits) + 7) / 8;
  }
  std::size_t row_stride() const noexcept { return (row_bytes() + 3) / 4 * 4; }
};

// INVALID_ARGUMENT where the header is cut, contradicts itself or asks for what we do not read. Width and height are
// as the file says.
Result<BmpHeader> parse_bmp_header(std::span<const std::byte> bytes);

}  // namespace pyserver
