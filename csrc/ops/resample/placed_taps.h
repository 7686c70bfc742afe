// What is decided about the taps of a picture before its pixels are weighed: by resample() as by those who only take
// the tables (tap_tables.h).
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/resample/opencv_taps.h"
#include "ops/resample/resample.h"
#include "ops/resample/tap_tables.h"
#include "ops/resample/taps.h"

namespace pyserver {

inline ResizedLine columns_of(const Resampling& r) { return {r.source_width, r.target_width, r.left, r.width}; }
inline ResizedLine rows_of(const Resampling& r) { return {r.source_height, r.target_height, r.top, r.height}; }

// Whether the second pass comes first. Pillow 13 does so where the height falls by more than twice what the width does;
// found by trying, and checked by test_resize_like_pillow.py.
inline bool columns_first(const Resampling& r) {
  return r.like == PixelLibrary::kPillow && r.target_height < r.source_height &&
         r.source_height - r.target_height > 2 * (r.source_width - r.target_width);
}

inline WeighRule opencv_rule(const Resampling& r, OpenCvWeights weights) {
  if (r.type == PixelType::kFp32) return WeighRule::kFloats;
  switch (weights) {
    case OpenCvWeights::kWholeArea: return WeighRule::kOpenCvWholeAreas;
    case OpenCvWeights::kArea:
    case OpenCvWeights::kPreciseCubic: return WeighRule::kOpenCvFloats;
    case OpenCvWeights::kLinear:
    case OpenCvWeights::kLinearArea: return WeighRule::kOpenCvLinear;
    default: return WeighRule::kOpenCvSums;
  }
}

// Taps outside of the line are added to those of the pixel that they stand for.
template <typename Weight>
void bring_inside(Taps<Weight>& taps, std::int64_t length) {
  const auto last = static_cast<std::int32_t>(length - 1);
  for (std::size_t pixel = 0; pixel < taps.pixels; ++pixel) {
    Weight* const weights = taps.weights + pixel * taps.stride;
    const std::int32_t first = taps.first[pixel];
    const std::int32_t inside = std::clamp(first, 0, last);
    std::int32_t count = 0;
    for (std::int32_t tap = 0; tap < taps.count[pixel]; ++tap) {
      const std::int32_t to = std::clamp(first + tap, 0, last) - inside;
      if (to < count) {
        weights[to] += weights[tap];
      } else {
        weights[count++] = weights[tap];
      }
    }
    std::fill(weights + count, weights + taps.count[pixel], Weight{0});
    taps.first[pixel] = inside;
    taps.count[pixel] = count;
  }
}

// The rows of the source that any tap asks for, in their order; the taps then count in them. A row that a tap outside
// of the picture stands for is there once more.
template <typename Weight>
std::size_t list_rows(Taps<Weight>& taps, std::int64_t height, std::int32_t* rows) {
  std::size_t count = 0;
  std::int32_t next = taps.first[0];
  for (std::size_t pixel = 0; pixel < taps.pixels; ++pixel) {
    const std::int32_t end = taps.first[pixel] + taps.count[pixel];
    next = std::max(next, taps.first[pixel]);
    for (; next < end; ++next) {
      rows[count++] = std::clamp(next, 0, static_cast<std::int32_t>(height - 1));
    }
    taps.first[pixel] = static_cast<std::int32_t>(count) - (next - taps.first[pixel]);
  }
  return count;
}

// OpenCvWeights::kWholeArea: sums are weighed by the area, after both passes.
template <typename Weight>
void weigh_whole_areas(const Resampling& r, Taps<Weight>& taps) {
  const std::int64_t area = (r.source_width / r.target_width) * (r.source_height / r.target_height);
  for (std::size_t row = 0; row < taps.pixels; ++row) {
    std::fill_n(taps.weights + row * taps.stride, taps.count[row], 1.F / static_cast<float>(area));
  }
}

}  // namespace pyserver
