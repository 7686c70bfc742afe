#include "ops/resample/nearest.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace pyserver {
namespace {

template <std::size_t kBytes>
void pick_row(const std::byte* source, std::byte* target, const std::int32_t* columns, std::size_t count) {
  for (std::size_t index = 0; index < count; ++index) {
    std::memcpy(target + index * kBytes, source + static_cast<std::size_t>(columns[index]) * kBytes, kBytes);
  }
}

}  // namespace

void fill_nearest(PixelLibrary like, const ResizedLine& line, std::int32_t* pixels) {
  const double source = static_cast<double>(line.source);
  const double target = static_cast<double>(line.target);
  const double last = source - 1;
  if (like == PixelLibrary::kOpenCv) {
    const double scale = 1.0 / (target / source);
    for (std::int64_t index = 0; index < line.count; ++index) {
      pixels[index] =
          static_cast<std::int32_t>(std::min(last, std::floor(static_cast<double>(line.start + index) * scale)));
    }
    return;
  }
  // Pillow steps from centre to centre, so that rounding errors add up: they must here too, from the first pixel on.
  const double step = source / target;
  double center = step * 0.5;
  for (std::int64_t index = -line.start; index < line.count; ++index, center += step) {
    if (index >= 0) pixels[index] = static_cast<std::int32_t>(std::min(last, center));
  }
}

void pick_pixels(const Resampling& resampling, std::size_t pixel_bytes, const std::byte* source, std::byte* target,
                 std::size_t target_stride, const std::int32_t* columns, const std::int32_t* rows) {
  const auto width = static_cast<std::size_t>(resampling.width);
  const std::size_t source_stride = static_cast<std::size_t>(resampling.source_width) * pixel_bytes;
  for (std::int64_t y = 0; y < resampling.height; ++y, target += target_stride) {
    if (y > 0 && rows[y] == rows[y - 1]) {
      std::memcpy(target, target - target_stride, width * pixel_bytes);
      continue;
    }
    const std::byte* const row = source + static_cast<std::size_t>(rows[y]) * source_stride;
    switch (pixel_bytes) {
      case 1: pick_row<1>(row, target, columns, width); break;
      case 3: pick_row<3>(row, target, columns, width); break;
      case 4: pick_row<4>(row, target, columns, width); break;
      case 12: pick_row<12>(row, target, columns, width); break;
      default: pick_row<16>(row, target, columns, width); break;
    }
  }
}

}  // namespace pyserver
