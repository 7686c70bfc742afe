#include "ops/resample/tap_tables.h"

#include <algorithm>
#include <utility>

#include "ops/resample/nearest.h"
#include "ops/resample/opencv_taps.h"
#include "ops/resample/pillow_taps.h"
#include "ops/resample/placed_taps.h"

namespace pyserver {
namespace {

using Passes = ResampleTables::Passes;

std::size_t size(std::int64_t pixels) { return static_cast<std::size_t>(pixels); }

// Taps with memory of their own.
template <typename Weight>
struct OwnTaps {
  OwnTaps(std::size_t pixels, std::size_t stride) : first(pixels), count(pixels), weights(pixels * stride) {
    taps = {pixels, stride, first.data(), count.data(), weights.data()};
  }

  TapTable table() && { return {taps.stride, std::move(first), std::move(count), {weights.begin(), weights.end()}}; }

  std::vector<std::int32_t> first;
  std::vector<std::int32_t> count;
  std::vector<Weight> weights;
  Taps<Weight> taps;
};

Passes passes_of(const Resampling& r, WeighRule rule) {
  // Between different types a pass converts, too, so that none can be left out.
  if (rule == WeighRule::kPillowBytes || rule == WeighRule::kFloats) {
    if (r.source_width == r.target_width) return Passes::kColumns;
    if (r.source_height == r.target_height) return Passes::kLines;
    if (columns_first(r)) return Passes::kColumnsThenLines;
  }
  return Passes::kLinesThenColumns;
}

// `fill_across(taps)` and `fill_down(taps)` write them, with so many weights a pixel.
template <typename Weight, typename FillAcross, typename FillDown>
ResampleTables tables_of(const Resampling& r, WeighRule rule, std::size_t line_taps, std::size_t column_taps,
                         const FillAcross& fill_across, const FillDown& fill_down) {
  ResampleTables tables;
  tables.rule = rule;
  tables.passes = passes_of(r, rule);
  if (tables.passes != Passes::kColumns) {
    OwnTaps<Weight> across(size(r.width), line_taps);
    fill_across(across.taps);
    bring_inside(across.taps, r.source_width);
    tables.across = std::move(across).table();
  }
  if (tables.passes != Passes::kLines) {
    OwnTaps<Weight> down(size(r.height), column_taps);
    fill_down(down.taps);
    if (tables.passes == Passes::kLinesThenColumns) {
      tables.rows.resize(std::max(size(r.height), std::min(size(r.height) * column_taps, size(r.source_height) + 4)));
      tables.rows.resize(list_rows(down.taps, r.source_height, tables.rows.data()));
    } else {
      bring_inside(down.taps, r.source_height);
    }
    tables.down = std::move(down).table();
  }
  return tables;
}

template <typename Weight>
ResampleTables pillow_tables(const Resampling& r, WeighRule rule) {
  const std::size_t line_taps = pillow_tap_count(r.filter, columns_of(r));
  const std::size_t column_taps = pillow_tap_count(r.filter, rows_of(r));
  std::vector<double> row(std::max(line_taps, column_taps));
  return tables_of<Weight>(
      r, rule, line_taps, column_taps, [&](auto& taps) { fill_pillow_taps(r.filter, columns_of(r), taps, row.data()); },
      [&](auto& taps) { fill_pillow_taps(r.filter, rows_of(r), taps, row.data()); });
}

template <typename Weight>
ResampleTables opencv_tables(const Resampling& r, WeighRule rule, OpenCvWeights weights) {
  return tables_of<Weight>(
      r, rule, opencv_tap_count(weights, columns_of(r)), opencv_tap_count(weights, rows_of(r)),
      [&](auto& taps) { fill_opencv_taps(weights, columns_of(r), taps); },
      [&](auto& taps) {
        fill_opencv_taps(weights, rows_of(r), taps);
        if (rule == WeighRule::kOpenCvWholeAreas) weigh_whole_areas(r, taps);
      });
}

ResampleTables nearest_tables(const Resampling& r) {
  ResampleTables tables;
  tables.passes = Passes::kNearest;
  tables.columns.resize(size(r.width));
  tables.rows.resize(size(r.height));
  fill_nearest(r.like, columns_of(r), tables.columns.data());
  fill_nearest(r.like, rows_of(r), tables.rows.data());
  return tables;
}

}  // namespace

ResampleTables resample_tables(const Resampling& r) {
  if (r.source_width == r.target_width && r.source_height == r.target_height) return {};
  if (r.filter == Filter::kNearest) return nearest_tables(r);
  if (r.like != PixelLibrary::kOpenCv) {
    if (r.type == PixelType::kUint8) return pillow_tables<std::int32_t>(r, WeighRule::kPillowBytes);
    return pillow_tables<double>(r, WeighRule::kFloats);
  }
  const OpenCvWeights weights = opencv_weights(r.filter, r.type, columns_of(r), rows_of(r));
  const WeighRule rule = opencv_rule(r, weights);
  switch (rule) {
    case WeighRule::kFloats: return opencv_tables<double>(r, rule, weights);
    case WeighRule::kOpenCvFloats:
    case WeighRule::kOpenCvWholeAreas: return opencv_tables<float>(r, rule, weights);
    default: return opencv_tables<std::int32_t>(r, rule, weights);
  }
}

}  // namespace pyserver
