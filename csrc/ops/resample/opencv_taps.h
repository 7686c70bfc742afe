// The taps of OpenCV's cv::resize: two or four neighbours, however much smaller the line becomes; for an area, all of
// the pixels that it covers.
#pragma once

#include "ops/resample/resample.h"
#include "ops/resample/taps.h"

namespace pyserver {

// How the pixels of both axes are weighed; as in cv::resize, the axes decide together. INTER_LINEAR is an area where it
// halves, and INTER_AREA is linear, with places of its own, where it enlarges. Of bytes that are made smaller by whole
// factors an area is summed up before it is divided: its weights are 1.
//
// The precise kinds are what OpenCV's packages for x86-64 do by default, through Intel's IPP, for floats and for cubic
// bytes, unless the picture is too small for it: places are not rounded to single precision, and cubic sums of bytes
// are rounded once, at their end.
enum class OpenCvWeights : std::uint8_t {
  kLinear,
  kPreciseLinear,
  kLinearArea,
  kCubic,
  kPreciseCubic,
  kArea,
  kWholeArea,
  kHalves
};
OpenCvWeights opencv_weights(Filter filter, PixelType type, const ResizedLine& columns, const ResizedLine& rows);

// How many taps a pixel has at most.
std::size_t opencv_tap_count(OpenCvWeights weights, const ResizedLine& line);

// `taps` has room for line.count pixels of opencv_tap_count() weights. Taps may lie outside of the line by up to two
// pixels. Whole numbers are in units of 1 / 2^kOpenCvFractionBits.
inline constexpr int kOpenCvFractionBits = 11;
void fill_opencv_taps(OpenCvWeights weights, const ResizedLine& line, Taps<std::int32_t>& taps);
void fill_opencv_taps(OpenCvWeights weights, const ResizedLine& line, Taps<float>& taps);
void fill_opencv_taps(OpenCvWeights weights, const ResizedLine& line, Taps<double>& taps);

}  // namespace pyserver
