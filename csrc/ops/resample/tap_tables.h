// The tables by which a picture is resized, for whoever weighs the pixels elsewhere, such as on a GPU: what resample()
// does with them, it does to the same last bit.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/resample/resample.h"

namespace pyserver {

// How sums of pixels are rounded, in both passes: the pairs of kernels of weigh.h.
enum class WeighRule : std::uint8_t {
  kPillowBytes,       // weigh_pillow_bytes, twice
  kFloats,            // weigh_floats, twice
  kOpenCvLinear,      // weigh_bytes_to_sums, weigh_linear_sums
  kOpenCvSums,        // weigh_bytes_to_sums, weigh_sums
  kOpenCvFloats,      // weigh_bytes_to_floats, weigh_floats_to_bytes
  kOpenCvWholeAreas,  // weigh_bytes_to_floats, weigh_sums_of_floats
};

// As Taps, in memory of its own. A double holds every weight exactly.
struct TapTable {
  std::size_t stride = 0;
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> count;
  std::vector<double> weights;
};

struct ResampleTables {
  enum class Passes : std::uint8_t { kNone, kNearest, kLines, kColumns, kLinesThenColumns, kColumnsThenLines };

  Passes passes = Passes::kNone;  // kNone: the picture stays as it is
  WeighRule rule = WeighRule::kPillowBytes;
  TapTable across;
  TapTable down;
  // kLinesThenColumns: which rows of the source are weighed along their lines; `down` counts in them. kNearest: the row
  // that each row is.
  std::vector<std::int32_t> rows;
  // kNearest: the column that each column is.
  std::vector<std::int32_t> columns;
};

// Of the whole picture: the window is the target.
ResampleTables resample_tables(const Resampling& resampling);

}  // namespace pyserver
