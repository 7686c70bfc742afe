#include "image/orientation.h"

#include <algorithm>

namespace pyserver {
namespace {

// Where the pixel (x, y) of the turned picture lies in the stored one: first + x * right + y * down, in pixels.
struct Walk {
  std::ptrdiff_t first, right, down;
};

Walk walk_of(int orientation, std::ptrdiff_t width, std::ptrdiff_t height) noexcept {
  const std::ptrdiff_t last_column = width - 1;
  const std::ptrdiff_t last_row = (height - 1) * width;
  switch (orientation) {
    case 2: return {last_column, -1, width};
    case 3: return {last_row + last_column, -1, -width};
    case 4: return {last_row, 1, -width};
    case 5: return {0, width, 1};
    case 6: return {last_row, -width, 1};
    case 7: return {last_row + last_column, -width, -1};
    case 8: return {last_column, width, -1};
    default: return {0, 1, width};
  }
}

template <std::size_t kChannels>
void turn(const std::uint8_t* from, std::size_t width, std::size_t height, const Walk& walk,
          std::uint8_t* to) noexcept {
  // In blocks, since one of the two pictures is walked down its columns where the sides are exchanged.
  constexpr std::size_t kBlock = 32;
  for (std::size_t top = 0; top < height; top += kBlock) {
    for (std::size_t left = 0; left < width; left += kBlock) {
      for (std::size_t y = top; y < std::min(height, top + kBlock); ++y) {
        for (std::size_t x = left; x < std::min(width, left + kBlock); ++x) {
          const std::ptrdiff_t pixel =
              walk.first + static_cast<std::ptrdiff_t>(x) * walk.right + static_cast<std::ptrdiff_t>(y) * walk.down;
          const std::uint8_t* const source = from + static_cast<std::size_t>(pixel) * kChannels;
          std::copy_n(source, kChannels, to + (y * width + x) * kChannels);
        }
      }
    }
  }
}

}  // namespace

void apply_orientation(const std::uint8_t* from, std::size_t width, std::size_t height, std::size_t channels,
                       int orientation, std::uint8_t* to) noexcept {
  const Walk walk = walk_of(orientation, static_cast<std::ptrdiff_t>(width), static_cast<std::ptrdiff_t>(height));
  if (orientation >= 5) std::swap(width, height);
  if (channels == 1) {
    turn<1>(from, width, height, walk, to);
  } else {
    turn<3>(from, width, height, walk, to);
  }
}

}  // namespace pyserver
