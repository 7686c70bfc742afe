// OpDescription: what an op does to rows of one fixed shape, as plain numbers, for whoever executes it elsewhere, such
// as on a GPU (csrc/kernels).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "ops/axis.h"
#include "ops/pixel_step.h"
#include "ops/resample/resample.h"

namespace pyserver {

struct SigmoidDescription {};

struct ThresholdDescription {
  double at = 0;
  std::optional<double> below;
};

// The numbers of place `p` along the lines, or of all places where there is but one.
struct DequantizeDescription {
  AxisLines lines;
  std::vector<float> scales;
  std::vector<std::int64_t> zero_points;
};

struct SoftmaxDescription {
  AxisLines lines;
};

struct L2NormalizeDescription {
  AxisLines lines;
  double epsilon = 0;
};

struct ArgmaxDescription {
  AxisLines lines;
};

// What comes out is not texts but what they are made of: FP64 [..., k, 2], the score and its index; the op itself goes
// on from there, with `of: candidates`.
struct TopKDescription {
  AxisLines lines;
  std::size_t k = 0;
};

// PixelEffect: an op of pixel_op.h; what changes values without arithmetic is a cast. Resampling: of the whole picture.
struct OpDescription {
  std::variant<PixelEffect, SigmoidDescription, ThresholdDescription, DequantizeDescription, SoftmaxDescription,
               L2NormalizeDescription, ArgmaxDescription, TopKDescription, Resampling>
      what;
};

}  // namespace pyserver
