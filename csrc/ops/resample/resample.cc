#include "ops/resample/resample.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "ops/resample/nearest.h"
#include "ops/resample/opencv_taps.h"
#include "ops/resample/pillow_taps.h"
#include "ops/resample/taps.h"
#include "ops/resample/transpose.h"
#include "ops/resample/weigh.h"

namespace pyserver {
namespace {

ResizedLine columns_of(const Resampling& r) { return {r.source_width, r.target_width, r.left, r.width}; }
ResizedLine rows_of(const Resampling& r) { return {r.source_height, r.target_height, r.top, r.height}; }

std::size_t element_bytes(PixelType type) { return type == PixelType::kUint8 ? 1 : 4; }

// Where pixels come from and go to; null while scratch is measured.
struct Pixels {
  const std::byte* source;
  std::byte* target;
  std::size_t target_stride;  // in elements
};

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

// The two passes over a picture of elements In that becomes one of elements Out, by way of Mid.
template <typename In, typename Mid, typename Out, typename Weight>
struct Passes {
  void (*along_lines)(const Weighing<In, Mid, Weight>&);
  void (*along_columns)(const Weighing<Mid, Out, Weight>&);
  // Copies of a line where it keeps its size: the pass changes nothing and is left out.
  static constexpr bool kSameType = std::is_same_v<In, Mid> && std::is_same_v<Mid, Out>;
};

// The first pass, over strips of the rows that the second one needs.
template <typename In, typename Mid, typename Weight>
struct LinePass {
  const In* source;
  std::size_t source_stride;
  const std::int32_t* rows;
  std::size_t row_count;
  std::size_t channels;
  Taps<Weight> taps;  // inside of the line
  Mid* target;
  std::size_t target_stride;
};

template <typename In, typename Mid, typename Weight>
void run_line_pass(const LinePass<In, Mid, Weight>& pass, void (*weigh)(const Weighing<In, Mid, Weight>&), In* strip,
                   Mid* weighed) {
  Taps<Weight> taps = pass.taps;
  const std::int32_t first_column = taps.first[0];
  std::int32_t end_column = first_column;
  for (std::size_t pixel = 0; pixel < taps.pixels; ++pixel) {
    end_column = std::max(end_column, taps.first[pixel] + taps.count[pixel]);
    taps.first[pixel] -= first_column;
  }
  const auto columns = static_cast<std::size_t>(end_column - first_column);
  const In* const start = pass.source + static_cast<std::size_t>(first_column) * pass.channels;
  const std::size_t pixel_stride = pass.channels * kStripRows;
  for (std::size_t row = 0; row < pass.row_count; row += kStripRows) {
    const std::size_t count = std::min(kStripRows, pass.row_count - row);
    std::array<const In*, kStripRows> from;
    std::array<Mid*, kStripRows> to;
    for (std::size_t index = 0; index < kStripRows; ++index) {
      const std::size_t at = row + std::min(index, count - 1);  // the last strip is filled up with its last row
      from[index] = start + static_cast<std::size_t>(pass.rows[at]) * pass.source_stride;
      to[index] = pass.target + at * pass.target_stride;
    }
    rows_to_strip(from.data(), columns * pass.channels, strip);
    weigh({strip, pixel_stride, weighed, pixel_stride, pixel_stride, taps});
    strip_to_rows(weighed, taps.pixels * pass.channels, to.data(), count);
  }
}

// `fill(line, taps)` writes the taps of a line.
template <typename In, typename Mid, typename Out, typename Weight, typename Fill>
void run_passes(const Resampling& r, const Passes<In, Mid, Out, Weight>& passes, std::size_t line_taps,
                std::size_t column_taps, const Fill& fill, const Pixels& pixels, Arena& arena) {
  const auto channels = static_cast<std::size_t>(r.channels);
  const auto width = static_cast<std::size_t>(r.width);
  const auto height = static_cast<std::size_t>(r.height);
  const auto source_height = static_cast<std::size_t>(r.source_height);
  const std::size_t source_stride = static_cast<std::size_t>(r.source_width) * channels;
  const std::size_t row_length = width * channels;
  const bool lines_stay = Passes<In, Mid, Out, Weight>::kSameType && r.source_width == r.target_width;
  const bool columns_stay = Passes<In, Mid, Out, Weight>::kSameType && r.source_height == r.target_height;

  Taps<Weight> across = arena.take_taps<Weight>(width, line_taps);
  Taps<Weight> down = arena.take_taps<Weight>(height, column_taps);
  // Up to two rows above and two below the picture.
  const std::size_t most_rows = std::min(height * column_taps, source_height + 4);
  const std::size_t most_columns = std::min(width * line_taps, static_cast<std::size_t>(r.source_width));
  auto* const rows = arena.take<std::int32_t>(most_rows);
  In* const strip = arena.take<In>(most_columns * channels * kStripRows);
  Mid* const weighed = arena.take<Mid>(row_length * kStripRows);
  Mid* const between = arena.take<Mid>(lines_stay || columns_stay ? 0 : most_rows * row_length);
  if (arena.measures()) return;

  const auto* const source = reinterpret_cast<const In*>(pixels.source);
  auto* const target = reinterpret_cast<Out*>(pixels.target);
  fill(rows_of(r), down);
  if constexpr (Passes<In, Mid, Out, Weight>::kSameType) {
    if (lines_stay) {
      const std::size_t left = static_cast<std::size_t>(r.left) * channels;
      bring_inside(down, r.source_height);
      passes.along_columns({source + left, source_stride, target, pixels.target_stride, row_length, down});
      return;
    }
  }
  std::size_t row_count = height;
  if (columns_stay) {
    for (std::size_t row = 0; row < height; ++row)
      rows[row] = static_cast<std::int32_t>(r.top) + static_cast<std::int32_t>(row);
  } else {
    row_count = list_rows(down, r.source_height, rows);
  }
  fill(columns_of(r), across);
  bring_inside(across, r.source_width);
  LinePass<In, Mid, Weight> lines{source, source_stride, rows, row_count, channels, across, between, row_length};
  if constexpr (Passes<In, Mid, Out, Weight>::kSameType) {
    if (columns_stay) {
      lines.target = target;
      lines.target_stride = pixels.target_stride;
    }
  }
  run_line_pass(lines, passes.along_lines, strip, weighed);
  if (columns_stay) return;
  passes.along_columns({between, row_length, target, pixels.target_stride, row_length, down});
}

void run_pillow(const Resampling& r, const Pixels& pixels, Arena& arena) {
  const std::size_t line_taps = pillow_tap_count(r.filter, columns_of(r));
  const std::size_t column_taps = pillow_tap_count(r.filter, rows_of(r));
  auto* const weights = arena.take<double>(std::max(line_taps, column_taps));
  const auto fill = [&](const ResizedLine& line, auto& taps) { fill_pillow_taps(r.filter, line, taps, weights); };
  if (r.type == PixelType::kUint8) {
    run_passes(r, Passes<Byte, Byte, Byte, std::int32_t>{weigh_pillow_bytes, weigh_pillow_bytes}, line_taps,
               column_taps, fill, pixels, arena);
  } else {
    run_passes(r, Passes<float, float, float, double>{weigh_floats, weigh_floats}, line_taps, column_taps, fill, pixels,
               arena);
  }
}

void run_opencv(const Resampling& r, const Pixels& pixels, Arena& arena) {
  const OpenCvWeights weights = opencv_weights(r.filter, columns_of(r), rows_of(r));
  const std::size_t line_taps = opencv_tap_count(weights, columns_of(r));
  const std::size_t column_taps = opencv_tap_count(weights, rows_of(r));
  const auto fill = [&](const ResizedLine& line, auto& taps) { fill_opencv_taps(weights, line, taps); };
  if (r.type == PixelType::kFp32) {
    run_passes(r, Passes<float, float, float, double>{weigh_floats, weigh_floats}, line_taps, column_taps, fill, pixels,
               arena);
  } else if (weights == OpenCvWeights::kArea) {
    run_passes(r, Passes<Byte, float, Byte, float>{weigh_bytes_to_areas, weigh_areas}, line_taps, column_taps, fill,
               pixels, arena);
  } else {
    const bool linear = weights == OpenCvWeights::kLinear || weights == OpenCvWeights::kLinearArea;
    run_passes(
        r, Passes<Byte, std::int32_t, Byte, std::int32_t>{weigh_bytes_to_sums, linear ? weigh_linear_sums : weigh_sums},
        line_taps, column_taps, fill, pixels, arena);
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
  } else if (r.like == PixelLibrary::kPillow) {
    run_pillow(r, pixels, arena);
  } else {
    run_opencv(r, pixels, arena);
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
