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
  constexpr auto kStep = static_cast<std::ptrdiff_t>(kChannels);
  // In narrow stripes where the stored picture is walked down its columns, so that the lines of the cache that one row
  // takes are still there for the next one.
  constexpr std::size_t kStripe = 64;
  const bool down_columns = walk.right != 1 && walk.right != -1;
  const std::size_t stripe = down_columns ? std::min(width, kStripe) : width;
  for (std::size_t left = 0; left < width; left += stripe) {
    const std::size_t right = std::min(width, left + stripe);
    for (std::size_t y = 0; y < height; ++y) {
      std::ptrdiff_t pixel =
          walk.first + static_cast<std::ptrdiff_t>(left) * walk.right + static_cast<std::ptrdiff_t>(y) * walk.down;
      std::uint8_t* target = to + (y * width + left) * kChannels;
      for (std::size_t x = left; x < right; ++x, pixel += walk.right, target += kChannels) {
        const std::uint8_t* const source = from + pixel * kStep;
        for (std::size_t channel = 0; channel < kChannels; ++channel) target[channel] = source[channel];
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
