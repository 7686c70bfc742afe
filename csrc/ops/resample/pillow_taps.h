// The taps of Pillow's Image.resize: a filter that is widened when a line is made smaller (antialiasing).
#pragma once

#include "ops/resample/resample.h"
#include "ops/resample/taps.h"

namespace pyserver {

// How many taps a pixel has at most. Not for Filter::kNearest, nor is what follows.
std::size_t pillow_tap_count(Filter filter, const ResizedLine& line);

// `taps` has room for line.count pixels of pillow_tap_count() weights, `row` for as many numbers. None lies outside of
// the line.
// Whole numbers are in units of 1 / 2^kPillowFractionBits.
inline constexpr int kPillowFractionBits = 22;
void fill_pillow_taps(Filter filter, const ResizedLine& line, Taps<std::int32_t>& taps, double* row);
void fill_pillow_taps(Filter filter, const ResizedLine& line, Taps<double>& taps, double* row);

}  // namespace pyserver
