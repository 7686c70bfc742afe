#include "ops/resample/opencv_taps.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <type_traits>

namespace pyserver {
namespace {

// cv::resize computes the factor that enlarges and inverts it, which need not give source / target to the last bit.
double scale_of(const ResizedLine& line) {
  return 1.0 / (static_cast<double>(line.target) / static_cast<double>(line.source));
}

bool is_whole(double scale) { return std::abs(scale - std::nearbyint(scale)) < DBL_EPSILON; }

// Keys' cubic convolution with a = -0.75, for a place `x` after the second of four pixels.
std::array<float, 4> cubic_weights(float x) {
  constexpr float kA = -0.75F;
  const float before = ((kA * (x + 1) - 5 * kA) * (x + 1) + 8 * kA) * (x + 1) - 4 * kA;
  const float left = ((kA + 2) * x - (kA + 3)) * x * x + 1;
  const float right = ((kA + 2) * (1 - x) - (kA + 3)) * (1 - x) * (1 - x) + 1;
  return {before, left, right, 1.F - before - left - right};
}

template <typename Weight>
Weight converted(float weight) {
  if constexpr (std::is_integral_v<Weight>) {
    return static_cast<Weight>(std::nearbyint(weight * (1 << kOpenCvFractionBits)));  // half to even
  } else {
    return weight;
  }
}

// A place between two pixels: the pixel before it, and how far behind that it is.
struct Place {
  std::int64_t pixel;
  float behind;
};

Place place_of(OpenCvWeights weights, const ResizedLine& line, std::int64_t at, double scale) {
  if (weights == OpenCvWeights::kLinearArea) {
    const double enlarged = static_cast<double>(line.target) / static_cast<double>(line.source);
    const auto pixel = static_cast<std::int64_t>(std::floor(static_cast<double>(at) * scale));
    const auto behind = static_cast<float>(static_cast<double>(at + 1) - static_cast<double>(pixel + 1) * enlarged);
    return {pixel, behind <= 0 ? 0.F : behind - std::floor(behind)};
  }
  double place = (static_cast<double>(at) + 0.5) * scale - 0.5;
  if (weights == OpenCvWeights::kLinear || weights == OpenCvWeights::kCubic) place = static_cast<float>(place);
  return {static_cast<std::int64_t>(std::floor(place)), static_cast<float>(place - std::floor(place))};
}

// The share of each pixel in the area that becomes one, as cv::resize cuts it: slivers below 1/1000 are dropped.
template <typename Weight>
std::size_t area_weights(const ResizedLine& line, std::int64_t at, double scale, std::int32_t& first, Weight* row) {
  const double start = static_cast<double>(at) * scale;
  const double end = start + scale;
  const double width = std::min(scale, static_cast<double>(line.source) - start);
  const auto whole_end = std::min(static_cast<std::int64_t>(std::floor(end)), line.source - 1);
  const auto whole_start = std::min(static_cast<std::int64_t>(std::ceil(start)), whole_end);
  std::size_t count = 0;
  first = static_cast<std::int32_t>(whole_start);
  if (static_cast<double>(whole_start) - start > 1e-3) {
    --first;
    row[count++] = static_cast<float>((static_cast<double>(whole_start) - start) / width);
  }
  for (std::int64_t pixel = whole_start; pixel < whole_end; ++pixel) row[count++] = static_cast<float>(1.0 / width);
  const double rest = end - static_cast<double>(whole_end);
  if (rest > 1e-3) row[count++] = static_cast<float>(std::min(std::min(rest, 1.0), width) / width);
  return count;
}

template <typename Weight>
void fill(OpenCvWeights weights, const ResizedLine& line, Taps<Weight>& taps) {
  const double scale = scale_of(line);
  for (std::size_t index = 0; index < taps.pixels; ++index) {
    const std::int64_t at = line.start + static_cast<std::int64_t>(index);
    Weight* const row = taps.weights + index * taps.stride;
    std::int32_t& first = taps.first[index];
    std::int32_t& count = taps.count[index];
    if (weights == OpenCvWeights::kArea) {
      count = static_cast<std::int32_t>(area_weights(line, at, scale, first, row));
      std::fill(row + count, row + taps.stride, Weight{0});
    } else if (weights == OpenCvWeights::kWholeArea) {
      count = static_cast<std::int32_t>(std::nearbyint(scale));
      first = static_cast<std::int32_t>(at * count);
      std::fill(row, row + count, Weight{1});
      std::fill(row + count, row + taps.stride, Weight{0});
    } else if (weights == OpenCvWeights::kHalves) {
      first = static_cast<std::int32_t>(2 * at);
      count = 2;
      row[0] = row[1] = converted<Weight>(0.5F);
    } else {
      const Place place = place_of(weights, line, at, scale);
      if (weights == OpenCvWeights::kCubic || weights == OpenCvWeights::kPreciseCubic) {
        first = static_cast<std::int32_t>(place.pixel - 1);
        count = 4;
        const std::array<float, 4> cubic = cubic_weights(place.behind);
        for (std::size_t tap = 0; tap < 4; ++tap) row[tap] = converted<Weight>(cubic[tap]);
      } else {
        first = static_cast<std::int32_t>(place.pixel);
        count = 2;
        row[0] = converted<Weight>(1.F - place.behind);
        row[1] = converted<Weight>(place.behind);
      }
    }
  }
}

}  // namespace

OpenCvWeights opencv_weights(Filter filter, PixelType type, const ResizedLine& columns, const ResizedLine& rows) {
  const double scale_x = scale_of(columns);
  const double scale_y = scale_of(rows);
  const bool whole = is_whole(scale_x) && is_whole(scale_y);
  const bool halves = whole && std::nearbyint(scale_x) == 2 && std::nearbyint(scale_y) == 2;
  // IPP's smallest pictures, found by trying: two pixels for linear weights, four for cubic ones.
  const std::int64_t shortest = std::min(columns.source, rows.source);
  switch (filter) {
    case Filter::kBicubic: return shortest < 4 ? OpenCvWeights::kCubic : OpenCvWeights::kPreciseCubic;
    case Filter::kArea:
      if (scale_x < 1 || scale_y < 1) return OpenCvWeights::kLinearArea;
      if (halves) return OpenCvWeights::kHalves;
      return whole && type == PixelType::kUint8 ? OpenCvWeights::kWholeArea : OpenCvWeights::kArea;
    default:
      if (halves) return OpenCvWeights::kHalves;
      return type == PixelType::kUint8 || shortest < 2 ? OpenCvWeights::kLinear : OpenCvWeights::kPreciseLinear;
  }
}

std::size_t opencv_tap_count(OpenCvWeights weights, const ResizedLine& line) {
  switch (weights) {
    case OpenCvWeights::kCubic:
    case OpenCvWeights::kPreciseCubic: return 4;
    case OpenCvWeights::kArea:
    case OpenCvWeights::kWholeArea: return static_cast<std::size_t>(std::ceil(scale_of(line))) + 2;
    default: return 2;
  }
}

void fill_opencv_taps(OpenCvWeights weights, const ResizedLine& line, Taps<std::int32_t>& taps) {
  fill(weights, line, taps);
}

void fill_opencv_taps(OpenCvWeights weights, const ResizedLine& line, Taps<float>& taps) { fill(weights, line, taps); }

void fill_opencv_taps(OpenCvWeights weights, const ResizedLine& line, Taps<double>& taps) { fill(weights, line, taps); }

}  // namespace pyserver
