// The kernels of weigh.h element by element: slow, and easy to compare with what Pillow and OpenCV do.
#include <algorithm>
#include <cmath>

#include "ops/resample/opencv_taps.h"
#include "ops/resample/pillow_taps.h"
#include "ops/resample/weigh.h"

namespace pyserver::plain {
namespace {

Byte limited(std::int32_t value) { return static_cast<Byte>(std::clamp(value, 0, 255)); }

// `sum` begins as `start`; `add(sum, pixel, weight)` takes a tap in; `end(sum)` is the element.
template <typename In, typename Out, typename Weight, typename Sum, typename Add, typename End>
void weigh(const Weighing<In, Out, Weight>& weighing, Sum start, Add add, End end) {
  const Taps<Weight>& taps = weighing.taps;
  for (std::size_t row = 0; row < taps.pixels; ++row) {
    for (std::size_t at = 0; at < weighing.length; ++at) {
      Sum sum = start;
      for (std::int32_t tap = 0; tap < taps.count[row]; ++tap) {
        const auto from = static_cast<std::size_t>(taps.first[row] + tap) * weighing.source_stride;
        sum = add(sum, weighing.source[from + at], taps.weights[row * taps.stride + static_cast<std::size_t>(tap)]);
      }
      weighing.target[row * weighing.target_stride + at] = end(sum);
    }
  }
}

constexpr auto kProduct = [](auto sum, auto pixel, auto weight) {
  return sum + static_cast<decltype(sum)>(pixel) * weight;
};

}  // namespace

void weigh_pillow_bytes(const PillowBytes& weighing) {
  weigh(weighing, 1 << (kPillowFractionBits - 1), kProduct,
        [](std::int32_t sum) { return limited(sum >> kPillowFractionBits); });
}

void weigh_floats(const Floats& weighing) {
  weigh(weighing, 0.0, kProduct, [](double sum) { return static_cast<float>(sum); });
}

void weigh_bytes_to_sums(const BytesToSums& weighing) {
  weigh(weighing, std::int32_t{0}, kProduct, [](std::int32_t sum) { return sum; });
}

void weigh_linear_sums(const SumsToBytes& weighing) {
  weigh(
      weighing, std::int32_t{2},
      [](std::int32_t sum, std::int32_t pixel, std::int32_t weight) { return sum + (((pixel >> 4) * weight) >> 16); },
      [](std::int32_t sum) { return limited(sum >> 2); });
}

void weigh_sums(const SumsToBytes& weighing) {
  weigh(weighing, 1 << (2 * kOpenCvFractionBits - 1), kProduct,
        [](std::int32_t sum) { return limited(sum >> (2 * kOpenCvFractionBits)); });
}

void weigh_bytes_to_floats(const BytesToFloats& weighing) {
  weigh(weighing, 0.F, kProduct, [](float sum) { return sum; });
}

void weigh_floats_to_bytes(const FloatsToBytes& weighing) {
  weigh(weighing, 0.F, kProduct, [](float sum) { return limited(static_cast<std::int32_t>(std::nearbyint(sum))); });
}

void weigh_sums_of_floats(const FloatsToBytes& weighing) {
  for (std::size_t row = 0; row < weighing.taps.pixels; ++row) {
    for (std::size_t at = 0; at < weighing.length; ++at) {
      float sum = 0;
      for (std::int32_t tap = 0; tap < weighing.taps.count[row]; ++tap) {
        sum += weighing.source[static_cast<std::size_t>(weighing.taps.first[row] + tap) * weighing.source_stride + at];
      }
      const float weighed = std::nearbyint(sum * weighing.taps.weights[row * weighing.taps.stride]);
      weighing.target[row * weighing.target_stride + at] = limited(static_cast<std::int32_t>(weighed));
    }
  }
}

}  // namespace pyserver::plain
