#include "ops/resample/resample.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "ops/resample/nearest.h"
#include "ops/resample/opencv_taps.h"
#include "ops/resample/pillow_taps.h"
#include "ops/resample/placed_taps.h"
#include "ops/resample/taps.h"
#include "ops/resample/transpose.h"
#include "ops/resample/weigh.h"

namespace pyserver {
namespace {

std::size_t element_bytes(PixelType type) { return type == PixelType::kUint8 ? 1 : 4; }

enum class Axis { kLine, kColumn };

// Where pixels come from and go to; null while scratch is measured.
struct Pixels {
  const std::byte* source;
  std::byte* target;
  std::size_t target_stride;  // in elements
};

// The two kernels that make elements Out of elements In, by way of Mid.
template <typename In, typename Mid, typename Out, typename Weight>
struct Kernels {
  void (*lines)(const Weighing<In, Mid, Weight>&);
  void (*columns)(const Weighing<Mid, Out, Weight>&);
};

// Rows of elements, one after another in memory.
template <typename Element>
struct Rows {
  Element* start;
  std::size_t stride;
  std::size_t count;
};

// Which pixels of a line any tap asks for.
struct Span {
  std::size_t first;
  std::size_t count;
};

template <typename Weight>
Span pixels_used(const Taps<Weight>& taps) {
  std::int32_t end = 0;
  for (std::size_t pixel = 0; pixel < taps.pixels; ++pixel) end = std::max(end, taps.first[pixel] + taps.count[pixel]);
  return {static_cast<std::size_t>(taps.first[0]), static_cast<std::size_t>(end - taps.first[0])};
}

template <typename Weight>
void count_from(Taps<Weight>& taps, std::size_t first) {
  for (std::size_t pixel = 0; pixel < taps.pixels; ++pixel) taps.first[pixel] -= static_cast<std::int32_t>(first);
}

// One resampling: its memory is taken from the arena when it is made, and used when it is run.
template <typename In, typename Mid, typename Out, typename Weight>
class TwoPasses {
 public:
  // `line_taps`, `column_taps`: how many a pixel has at most.
  TwoPasses(const Resampling& r, const Kernels<In, Mid, Out, Weight>& kernels, std::size_t line_taps,
            std::size_t column_taps, Arena& arena)
      : r_(r), kernels_(kernels) {
    const std::size_t width = size(r.width);
    const std::size_t height = size(r.height);
    across_ = arena.take_taps<Weight>(width, line_taps);
    down_ = arena.take_taps<Weight>(height, column_taps);
    // A tap may ask for up to two rows above and two below the picture.
    const std::size_t rows = std::max(height, std::min(height * column_taps, size(r.source_height) + 4));
    const std::size_t columns = size(r.source_width);
    rows_ = arena.take<std::int32_t>(rows);
    strip_ = arena.take<In>(columns * channels_ * kStripRows);
    weighed_ = arena.take<Mid>(row_length_ * kStripRows);
    between_ = arena.take<Mid>(columns_first(r) ? height * columns * channels_ : rows * row_length_);
  }

  // `fill(axis, line, taps)` writes the taps of a line, or of a column.
  template <typename Fill>
  void run(const Pixels& pixels, const Fill& fill) {
    source_ = reinterpret_cast<const In*>(pixels.source);
    target_ = {reinterpret_cast<Out*>(pixels.target), pixels.target_stride, size(r_.height)};
    fill(Axis::kLine, columns_of(r_), across_);
    bring_inside(across_, r_.source_width);
    fill(Axis::kColumn, rows_of(r_), down_);
    // Between different types a pass converts, too, so that none can be left out.
    if constexpr (std::is_same_v<In, Mid> && std::is_same_v<Mid, Out>) {
      if (r_.source_width == r_.target_width) return columns_only();
      if (r_.source_height == r_.target_height) return lines_only();
      if (columns_first(r_)) return columns_then_lines();
    }
    lines_then_columns();
  }

 private:
  static std::size_t size(std::int64_t pixels) { return static_cast<std::size_t>(pixels); }

  void columns_only() {
    bring_inside(down_, r_.source_height);
    kernels_.columns(
        {source_ + size(r_.left) * channels_, source_stride_, target_.start, target_.stride, row_length_, down_});
  }

  void lines_only() {
    for (std::size_t row = 0; row < target_.count; ++row) rows_[row] = static_cast<std::int32_t>(size(r_.top) + row);
    const Span columns = pixels_used(across_);
    count_from(across_, columns.first);
    run_lines(source_ + columns.first * channels_, source_stride_, columns, target_);
  }

  void columns_then_lines() {
    bring_inside(down_, r_.source_height);
    for (std::size_t row = 0; row < target_.count; ++row) rows_[row] = static_cast<std::int32_t>(row);
    const Span columns = pixels_used(across_);
    count_from(across_, columns.first);
    const std::size_t length = columns.count * channels_;
    kernels_.columns({source_ + columns.first * channels_, source_stride_, between_, length, length, down_});
    run_lines(between_, length, columns, target_);
  }

  void lines_then_columns() {
    const Rows<Mid> between{between_, row_length_, list_rows(down_, r_.source_height, rows_)};
    const Span columns = pixels_used(across_);
    count_from(across_, columns.first);
    run_lines(source_ + columns.first * channels_, source_stride_, columns, between);
    kernels_.columns({between_, row_length_, target_.start, target_.stride, row_length_, down_});
  }

  // Row i of `target` from row rows_[i] of `source`, which begins at the first of `columns`; strip by strip.
  void run_lines(const In* source, std::size_t source_stride, const Span& columns, const Rows<Mid>& target) {
    if constexpr (sizeof(Mid) > 1) {
      if (channels_ >= 3) {
        return weigh_lines(LineWeighing<In, Mid, Weight>{source, source_stride, columns.count, rows_, target.start,
                                                         target.stride, target.count, channels_, across_});
      }
    }
    const std::size_t pixel_stride = channels_ * kStripRows;
    for (std::size_t row = 0; row < target.count; row += kStripRows) {
      const std::size_t count = std::min(kStripRows, target.count - row);
      std::array<const In*, kStripRows> from;
      std::array<Mid*, kStripRows> to;
      for (std::size_t index = 0; index < kStripRows; ++index) {
        const std::size_t at = row + std::min(index, count - 1);  // the last strip is filled up with its last row
        from[index] = source + size(rows_[at]) * source_stride;
        to[index] = target.start + at * target.stride;
      }
      rows_to_strip(from.data(), columns.count * channels_, strip_);
      kernels_.lines({strip_, pixel_stride, weighed_, pixel_stride, pixel_stride, across_});
      strip_to_rows(weighed_, row_length_, to.data(), count);
    }
  }

  const Resampling& r_;
  const Kernels<In, Mid, Out, Weight> kernels_;
  const std::size_t channels_ = size(r_.channels);
  const std::size_t row_length_ = size(r_.width) * channels_;
  const std::size_t source_stride_ = size(r_.source_width) * channels_;
  Taps<Weight> across_;
  Taps<Weight> down_;
  std::int32_t* rows_;
  In* strip_;
  Mid* weighed_;
  Mid* between_;
  const In* source_ = nullptr;
  Rows<Out> target_{};
};

template <typename In, typename Mid, typename Out, typename Weight, typename Fill>
void run_passes(const Resampling& r, const Kernels<In, Mid, Out, Weight>& kernels, std::size_t line_taps,
                std::size_t column_taps, const Fill& fill, const Pixels& pixels, Arena& arena) {
  TwoPasses<In, Mid, Out, Weight> passes(r, kernels, line_taps, column_taps, arena);
  if (!arena.measures()) passes.run(pixels, fill);
}

constexpr Kernels<Byte, Byte, Byte, std::int32_t> kPillowBytes{weigh_pillow_bytes, weigh_pillow_bytes};
constexpr Kernels<float, float, float, double> kFloats{weigh_floats, weigh_floats};
constexpr Kernels<Byte, std::int32_t, Byte, std::int32_t> kOpenCvLinear{weigh_bytes_to_sums, weigh_linear_sums};
constexpr Kernels<Byte, std::int32_t, Byte, std::int32_t> kOpenCvSums{weigh_bytes_to_sums, weigh_sums};
constexpr Kernels<Byte, float, Byte, float> kOpenCvFloats{weigh_bytes_to_floats, weigh_floats_to_bytes};
constexpr Kernels<Byte, float, Byte, float> kOpenCvWholeAreas{weigh_bytes_to_floats, weigh_sums_of_floats};

void run_pillow(const Resampling& r, const Pixels& pixels, Arena& arena) {
  const std::size_t line_taps = pillow_tap_count(r.filter, columns_of(r));
  const std::size_t column_taps = pillow_tap_count(r.filter, rows_of(r));
  auto* const weights = arena.take<double>(std::max(line_taps, column_taps));
  const auto fill = [&](Axis, const ResizedLine& line, auto& taps) { fill_pillow_taps(r.filter, line, taps, weights); };
  if (r.type == PixelType::kUint8) {
    run_passes(r, kPillowBytes, line_taps, column_taps, fill, pixels, arena);
  } else {
    run_passes(r, kFloats, line_taps, column_taps, fill, pixels, arena);
  }
}

void run_opencv(const Resampling& r, const Pixels& pixels, Arena& arena) {
  const OpenCvWeights weights = opencv_weights(r.filter, r.type, columns_of(r), rows_of(r));
  const std::size_t line_taps = opencv_tap_count(weights, columns_of(r));
  const std::size_t column_taps = opencv_tap_count(weights, rows_of(r));
  const auto fill = [&](Axis axis, const ResizedLine& line, auto& taps) {
    fill_opencv_taps(weights, line, taps);
    if (weights == OpenCvWeights::kWholeArea && axis == Axis::kColumn) weigh_whole_areas(r, taps);
  };
  switch (opencv_rule(r, weights)) {
    case WeighRule::kOpenCvWholeAreas:
      return run_passes(r, kOpenCvWholeAreas, line_taps, column_taps, fill, pixels, arena);
    case WeighRule::kOpenCvFloats: return run_passes(r, kOpenCvFloats, line_taps, column_taps, fill, pixels, arena);
    case WeighRule::kOpenCvLinear: return run_passes(r, kOpenCvLinear, line_taps, column_taps, fill, pixels, arena);
    case WeighRule::kOpenCvSums: return run_passes(r, kOpenCvSums, line_taps, column_taps, fill, pixels, arena);
    default: return run_passes(r, kFloats, line_taps, column_taps, fill, pixels, arena);
  }
}

void run_nearest(const Resampling& r, const Pixels& pixels, Arena& arena) {
  auto* const columns = arena.take<std::int32_t>(static_cast<std::size_t>(r.width));
  auto* const rows = arena.take<std::int32_t>(static_cast<std::size_t>(r.height));
  if (arena.measures()) return;
  fill_nearest(r.like, columns_of(r), columns);
  fill_nearest(r.like, rows_of(r), rows);
  const std::size_t element = element_bytes(r.type);
  pick_pixels(r, static_cast<std::size_t>(r.channels) * element, pixels.source, pixels.target,
              pixels.target_stride * element, columns, rows);
}

// Where nothing is resized, both libraries copy.
void copy_window(const Resampling& r, const Pixels& pixels) {
  const std::size_t element = element_bytes(r.type);
  const std::size_t pixel = static_cast<std::size_t>(r.channels) * element;
  const std::size_t stride = static_cast<std::size_t>(r.source_width) * pixel;
  const std::byte* from =
      pixels.source + static_cast<std::size_t>(r.top) * stride + static_cast<std::size_t>(r.left) * pixel;
  std::byte* to = pixels.target;
  for (std::int64_t row = 0; row < r.height; ++row, from += stride, to += pixels.target_stride * element) {
    std::memcpy(to, from, static_cast<std::size_t>(r.width) * pixel);
  }
}

void run(const Resampling& r, const Pixels& pixels, Arena& arena) {
  if (r.source_width == r.target_width && r.source_height == r.target_height) {
    if (!arena.measures()) copy_window(r, pixels);
  } else if (r.filter == Filter::kNearest) {
    run_nearest(r, pixels, arena);
  } else if (r.like == PixelLibrary::kOpenCv) {
    run_opencv(r, pixels, arena);
  } else {
    run_pillow(r, pixels, arena);
  }
}

}  // namespace

std::size_t resample_scratch_bytes(const Resampling& resampling) {
  Arena arena(nullptr);
  run(resampling, {nullptr, nullptr, 0}, arena);
  return arena.used();
}

void resample(const Resampling& resampling, const std::byte* source, std::byte* target, std::size_t target_stride,
              std::byte* scratch) {
  Arena arena(scratch);
  run(resampling, {source, target, target_stride}, arena);
}

}  // namespace pyserver
