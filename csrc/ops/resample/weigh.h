// Weighted sums of rows: what all resizing comes down to. Each kernel runs with the widest vectors that the machine
// has and gives, to the last bit, what its plain version gives.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/resample/taps.h"

namespace pyserver {

// target row i = rounded(sum over t of weight[i][t] × source row (first[i] + t)), for every row of `taps`.
// Strides are in elements. Source and target do not overlap.
template <typename In, typename Out, typename Weight>
struct Weighing {
  const In* source;
  std::size_t source_stride;
  Out* target;
  std::size_t target_stride;
  std::size_t length;  // elements of a row
  Taps<Weight> taps;
};

// target row i, pixel p = rounded(sum over t of weight[p][t] × pixel (first[p] + t) of source row rows[i]), for `count`
// rows.
template <typename In, typename Out, typename Weight>
struct LineWeighing {
  const In* source;
  std::size_t source_stride;
  std::size_t source_pixels;  // of a row
  const std::int32_t* rows;
  Out* target;
  std::size_t target_stride;
  std::size_t count;
  std::size_t channels;  // 3 or 4
  Taps<Weight> taps;
};

using Byte = std::uint8_t;
using PillowBytes = Weighing<Byte, Byte, std::int32_t>;
using Floats = Weighing<float, float, double>;
using BytesToSums = Weighing<Byte, std::int32_t, std::int32_t>;
using SumsToBytes = Weighing<std::int32_t, Byte, std::int32_t>;
using BytesToFloats = Weighing<Byte, float, float>;
using FloatsToBytes = Weighing<float, Byte, float>;

// Weights in units of 2^-22, the sum rounded half up and limited to a byte: both of Pillow's passes over bytes.
void weigh_pillow_bytes(const PillowBytes& weighing);
// Sums in double precision, rounded once: Pillow's passes over floats, and as close to OpenCV's as its own.
void weigh_floats(const Floats& weighing);
// Weights in units of 2^-11, nothing rounded: OpenCV's first pass over bytes.
void weigh_bytes_to_sums(const BytesToSums& weighing);
// OpenCV's second pass where each pixel has two taps: it drops bits of each product, not of the sum.
void weigh_linear_sums(const SumsToBytes& weighing);
// OpenCV's second pass where each has more: the sum rounded half up and limited to a byte.
void weigh_sums(const SumsToBytes& weighing);
// OpenCV's areas, and cubic weights: sums in single precision, in the order of the taps, at last rounded half to even.
void weigh_bytes_to_floats(const BytesToFloats& weighing);
void weigh_floats_to_bytes(const FloatsToBytes& weighing);
// The same where all taps of a row have one weight: the sum is weighed, not the taps.
void weigh_sums_of_floats(const FloatsToBytes& weighing);

// The same along lines, as their types tell. For bytes that become bytes, strips of sixteen rows (transpose.h) are
// faster.
void weigh_lines(const LineWeighing<float, float, double>& weighing);
void weigh_lines(const LineWeighing<Byte, std::int32_t, std::int32_t>& weighing);
void weigh_lines(const LineWeighing<Byte, float, float>& weighing);

// The sums of rows in plain C++, for tests.
namespace plain {
void weigh_pillow_bytes(const PillowBytes& weighing);
void weigh_floats(const Floats& weighing);
void weigh_bytes_to_sums(const BytesToSums& weighing);
void weigh_linear_sums(const SumsToBytes& weighing);
void weigh_sums(const SumsToBytes& weighing);
void weigh_bytes_to_floats(const BytesToFloats& weighing);
void weigh_floats_to_bytes(const FloatsToBytes& weighing);
void weigh_sums_of_floats(const FloatsToBytes& weighing);
}  // namespace plain

}  // namespace pyserver
