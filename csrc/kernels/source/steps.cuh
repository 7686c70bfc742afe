// What ops do to one element, wherever it lies.
#pragma once

#include "numbers.cuh"

// (x * scale - mean) / deviation, each step rounded.
template <typename To, typename From>
__device__ inline To normalized(From x, float scale, float mean, float deviation) {
  using Number = Computed<From>;
  const Number number = converted<Number>(x);
  return converted<To>((number * Number(scale) - Number(mean)) / Number(deviation));
}

// The difference is exact: of numbers of 8 or 16 bits in 32, of those of 32 bits in 64.
template <typename From>
__device__ inline float dequantized(From x, Int64 zero_point, float scale) {
  if constexpr (sizeof(From) < 4) {
    return float(Int32(x) - Int32(zero_point)) * scale;
  } else {
    return float(Int64(x) - zero_point) * scale;
  }
}

template <typename Element>
__device__ inline Element sigmoid(Element x) {
  using Number = Computed<Element>;
  const Number number = converted<Number>(x);
  if (number != number) return x;
  // Of a number that is not positive, so between 0 and 1.
  const Number power = exp(-fabs(number));
  return converted<Element>((number < 0 ? power : Number(1)) / (Number(1) + power));
}

// Whether x is at least `bound`, by a comparison of like with like: the bound is rounded to a datatype of floats, and
// up to the next whole number for one of integers.
template <typename Element>
__device__ inline bool reaches(Element x, double bound) {
  const auto number = number_of(x);
  using Number = decltype(number_of(x));
  if constexpr (kIsReal<Number>) {
    return number >= number_of(converted<Element>(bound));
  } else {
    const double whole = ceil(bound);
    constexpr double beyond = double(Uint64(1) << (kDigits<Number> - 1)) * 2;
    return whole < beyond && number >= converted<Number>(whole);
  }
}

template <typename Element>
__device__ inline Bool at_least(Element x, double bound) {
  return {Uint8(reaches(x, bound))};
}

template <typename Element>
__device__ inline Element replaced_below(Element x, double bound, double instead) {
  return reaches(x, bound) ? x : converted<Element>(instead);
}

// Where element `at` of rows × columns lies in columns × rows.
template <Uint32 rows, Uint32 columns>
__device__ inline Uint32 transposed(Uint32 at) {
  return at % columns * rows + at / columns;
}
