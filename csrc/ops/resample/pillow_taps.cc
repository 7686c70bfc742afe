#include "ops/resample/pillow_taps.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pyserver {
namespace {

// Half the width of a filter where a line keeps its size.
double support_of(Filter filter) {
  switch (filter) {
    case Filter::kArea: return 0.5;
    case Filter::kBicubic: return 2.0;
    case Filter::kLanczos: return 3.0;
    default: return 1.0;
  }
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  const double angle = x * std::numbers::pi;
  return std::sin(angle) / angle;
}

// Keys' cubic convolution with a = -0.5.
double bicubic(double distance) {
  constexpr double kA = -0.5;
  if (distance < 1.0) return ((kA + 2.0) * distance - (kA + 3.0)) * distance * distance + 1;
  if (distance < 2.0) return (((distance - 5) * distance + 8) * distance - 4) * kA;
  return 0.0;
}

double weight_at(Filter filter, double x) {
  switch (filter) {
    case Filter::kArea: return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    case Filter::kBicubic: return bicubic(std::abs(x));
    case Filter::kLanczos: return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
    default: return std::max(0.0, 1.0 - std::abs(x));
  }
}

// What a filter is stretched by: never below its own width.
double stretch_of(const ResizedLine& line) {
  return std::max(1.0, static_cast<double>(line.source) / static_cast<double>(line.target));
}

// Half up, away from zero, as Resample.c rounds its 8-bit weights.
std::int32_t in_fixed_point(double weight) {
  return static_cast<std::int32_t>(weight * (1 << kPillowFractionBits) + (weight < 0 ? -0.5 : 0.5));
}

// The bounds, weights and their order of summation are those of Resample.c, so that they are the same to the last bit.
template <typename Weight, typename Convert>
void fill(Filter filter, const ResizedLine& line, Taps<Weight>& taps, double* row, Convert convert) {
  const double scale = static_cast<double>(line.source) / static_cast<double>(line.target);
  const double stretch = stretch_of(line);
  const double support = support_of(filter) * stretch;
  const double per_stretch = 1.0 / stretch;
  for (std::size_t pixel = 0; pixel < taps.pixels; ++pixel) {
    const double center = (static_cast<double>(line.start + static_cast<std::int64_t>(pixel)) + 0.5) * scale;
    const auto first = static_cast<std::int64_t>(std::max(0.0, center - support + 0.5));
    const auto last = std::min(line.source, static_cast<std::int64_t>(center + support + 0.5));
    const auto count = static_cast<std::size_t>(last - first);
    double sum = 0.0;
    for (std::size_t tap = 0; tap < count; ++tap) {
      row[tap] =
          weight_at(filter, (static_cast<double>(first + static_cast<std::int64_t>(tap)) - center + 0.5) * per_stretch);
      sum += row[tap];
    }
    Weight* const weights = taps.weights + pixel * taps.stride;
    for (std::size_t tap = 0; tap < count; ++tap) weights[tap] = convert(sum != 0.0 ? row[tap] / sum : row[tap]);
    std::fill(weights + count, weights + taps.stride, Weight{0});
    taps.first[pixel] = static_cast<std::int32_t>(first);
    taps.count[pixel] = static_cast<std::int32_t>(count);
  }
}

}  // namespace

void fill_pillow_taps(Filter filter, const ResizedLine& line, Taps<std::int32_t>& taps, double* row) {
  fill(filter, line, taps, row, in_fixed_point);
}

void fill_pillow_taps(Filter filter, const ResizedLine& line, Taps<double>& taps, double* row) {
  fill(filter, line, taps, row, [](double weight) { return weight; });
}

std::size_t pillow_tap_count(Filter filter, const ResizedLine& line) {
  return static_cast<std::size_t>(std::ceil(support_of(filter) * stretch_of(line))) * 2 + 1;
}

}  // namespace pyserver
