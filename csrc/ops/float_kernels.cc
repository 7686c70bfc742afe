#include "ops/float_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

// As in pixel_kernels.cc: the compilers that we build with have no vectors of unknown size as elements of arrays.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/float_kernels.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pyserver {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Calls function(vector) for each vector of `numbers`; the last one is filled up with `filler`. What it returns is
// written back.
template <typename Number, typename Function>
HWY_INLINE void for_each_vector(Number* numbers, std::size_t count, Number filler, const Function& function) {
  const hn::ScalableTag<Number> tag;
  const std::size_t step = hn::Lanes(tag);
  std::size_t at = 0;
  for (; at + step <= count; at += step) hn::StoreU(function(hn::LoadU(tag, numbers + at)), tag, numbers + at);
  if (at == count) return;
  HWY_ALIGN Number rest[hn::MaxLanes(tag)];
  for (std::size_t lane = 0; lane < step; ++lane) rest[lane] = at + lane < count ? numbers[at + lane] : filler;
  hn::Store(function(hn::Load(tag, rest)), tag, rest);
  for (std::size_t lane = 0; at + lane < count; ++lane) numbers[at + lane] = rest[lane];
}

// NaN where a number is.
template <typename Number>
HWY_INLINE Number largest_of(Number* numbers, std::size_t count) {
  const hn::ScalableTag<Number> tag;
  auto largest = hn::Set(tag, -std::numeric_limits<Number>::infinity());
  auto nan = hn::Zero(tag);  // NaN in each lane that met one
  for_each_vector(numbers, count, -std::numeric_limits<Number>::infinity(), [&](auto x) HWY_ATTR {
    largest = hn::Max(largest, x);
    nan = hn::IfThenElse(hn::IsNaN(x), x, nan);
    return x;
  });
  if (!hn::AllFalse(tag, hn::IsNaN(nan))) return std::numeric_limits<Number>::quiet_NaN();
  return hn::GetLane(hn::MaxOfLanes(tag, largest));
}

template <typename Number>
HWY_INLINE void softmax_of(Number* numbers, std::size_t count) {
  const hn::ScalableTag<Number> tag;
  const Number largest = largest_of(numbers, count);
  if (!std::isfinite(largest)) {
    std::fill_n(numbers, count, std::numeric_limits<Number>::quiet_NaN());
    return;
  }
  const auto shift = hn::Set(tag, largest);
  // Below this exp() is 0 in all datatypes, and its argument stays in the range that it is made for.
  const auto lowest = hn::Set(tag, Number{-1000});
  auto sums = hn::Zero(tag);
  for_each_vector(numbers, count, -std::numeric_limits<Number>::infinity(), [&](auto x) HWY_ATTR {
    const auto power = hn::Exp(tag, hn::Max(hn::Sub(x, shift), lowest));
    sums = hn::Add(sums, power);
    return power;
  });
  const auto sum = hn::SumOfLanes(tag, sums);
  for_each_vector(numbers, count, Number{0}, [&](auto power) HWY_ATTR { return hn::Div(power, sum); });
}

// A vector of lines at a time.
template <typename Number>
HWY_INLINE void softmax_of_lines(Number* numbers, std::size_t length, std::size_t width) {
  const hn::ScalableTag<Number> tag;
  const auto infinity = hn::Set(tag, std::numeric_limits<Number>::infinity());
  const auto nan = hn::Set(tag, std::numeric_limits<Number>::quiet_NaN());
  const auto lowest = hn::Set(tag, Number{-1000});
  for (std::size_t line = 0; line < width; line += hn::Lanes(tag)) {
    Number* const first = numbers + line;
    auto largest = hn::Load(tag, first);
    for (std::size_t at = 1; at < length; ++at) {
      const auto x = hn::Load(tag, first + at * width);
      largest = hn::IfThenElse(hn::Or(hn::Gt(x, largest), hn::IsNaN(x)), x, largest);
    }
    const auto finite = hn::Lt(hn::Abs(largest), infinity);
    auto sum = hn::Zero(tag);
    for (std::size_t at = 0; at < length; ++at) {
      const auto x = hn::Sub(hn::Load(tag, first + at * width), largest);
      const auto power = hn::Exp(tag, hn::Max(hn::IfThenElseZero(finite, x), lowest));
      sum = hn::Add(sum, power);
      hn::Store(power, tag, first + at * width);
    }
    sum = hn::IfThenElse(finite, sum, nan);
    for (std::size_t at = 0; at < length; ++at) {
      hn::Store(hn::Div(hn::Load(tag, first + at * width), sum), tag, first + at * width);
    }
  }
}

template <typename Number>
HWY_INLINE void sigmoid_of(Number* numbers, std::size_t count) {
  const hn::ScalableTag<Number> tag;
  const auto one = hn::Set(tag, Number{1});
  const auto lowest = hn::Set(tag, Number{-1000});
  for_each_vector(numbers, count, Number{0}, [&](auto x) HWY_ATTR {
    // Of a number that is not positive, so between 0 and 1.
    const auto power = hn::Exp(tag, hn::Max(hn::Neg(hn::Abs(x)), lowest));
    const auto above = hn::IfThenElse(hn::Lt(x, hn::Zero(tag)), power, one);
    return hn::IfThenElse(hn::IsNaN(x), x, hn::Div(above, hn::Add(one, power)));
  });
}

template <typename Number>
HWY_INLINE void round_of(Number* numbers, std::size_t count, Number power, bool before_point) {
  const auto factor = hn::Set(hn::ScalableTag<Number>(), power);
  if (before_point) {
    for_each_vector(numbers, count, Number{0},
                    [&](auto x) HWY_ATTR { return hn::Mul(hn::Round(hn::Div(x, factor)), factor); });
  } else if (power != 1) {
    for_each_vector(numbers, count, Number{0},
                    [&](auto x) HWY_ATTR { return hn::Div(hn::Round(hn::Mul(x, factor)), factor); });
  } else {
    for_each_vector(numbers, count, Number{0}, [](auto x) HWY_ATTR { return hn::Round(x); });
  }
}

HWY_INLINE double squares_of(const float* numbers, std::size_t count) {
  const hn::ScalableTag<double> tag;
  const hn::Rebind<float, hn::ScalableTag<double>> narrow;
  const std::size_t step = hn::Lanes(tag);
  auto sums = hn::Zero(tag);
  std::size_t at = 0;
  for (; at + step <= count; at += step) {
    const auto x = hn::PromoteTo(tag, hn::LoadU(narrow, numbers + at));
    sums = hn::MulAdd(x, x, sums);
  }
  double sum = hn::GetLane(hn::SumOfLanes(tag, sums));
  for (; at < count; ++at) sum += static_cast<double>(numbers[at]) * numbers[at];
  return sum;
}

HWY_INLINE double squares_of(const double* numbers, std::size_t count) {
  const hn::ScalableTag<double> tag;
  const std::size_t step = hn::Lanes(tag);
  auto sums = hn::Zero(tag);
  std::size_t at = 0;
  for (; at + step <= count; at += step) {
    const auto x = hn::LoadU(tag, numbers + at);
    sums = hn::MulAdd(x, x, sums);
  }
  double sum = hn::GetLane(hn::SumOfLanes(tag, sums));
  for (; at < count; ++at) sum += numbers[at] * numbers[at];
  return sum;
}

void SoftmaxFloat(float* numbers, std::size_t count) { softmax_of(numbers, count); }
void SoftmaxDouble(double* numbers, std::size_t count) { softmax_of(numbers, count); }
void SoftmaxLinesFloat(float* numbers, std::size_t length, std::size_t width) {
  softmax_of_lines(numbers, length, width);
}
void SoftmaxLinesDouble(double* numbers, std::size_t length, std::size_t width) {
  softmax_of_lines(numbers, length, width);
}
void SigmoidFloat(float* numbers, std::size_t count) { sigmoid_of(numbers, count); }
void SigmoidDouble(double* numbers, std::size_t count) { sigmoid_of(numbers, count); }
void RoundFloat(float* numbers, std::size_t count, float power, bool before_point) {
  round_of(numbers, count, power, before_point);
}
void RoundDouble(double* numbers, std::size_t count, double power, bool before_point) {
  round_of(numbers, count, power, before_point);
}
double SquaresFloat(const float* numbers, std::size_t count) { return squares_of(numbers, count); }
double SquaresDouble(const double* numbers, std::size_t count) { return squares_of(numbers, count); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace pyserver
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pyserver {
namespace {

HWY_EXPORT(SoftmaxFloat);
HWY_EXPORT(SoftmaxDouble);
HWY_EXPORT(SoftmaxLinesFloat);
HWY_EXPORT(SoftmaxLinesDouble);
HWY_EXPORT(SigmoidFloat);
HWY_EXPORT(SigmoidDouble);
HWY_EXPORT(RoundFloat);
HWY_EXPORT(RoundDouble);
HWY_EXPORT(SquaresFloat);
HWY_EXPORT(SquaresDouble);

}  // namespace

void softmax(std::span<float> numbers) { HWY_DYNAMIC_DISPATCH(SoftmaxFloat)(numbers.data(), numbers.size()); }
void softmax(std::span<double> numbers) { HWY_DYNAMIC_DISPATCH(SoftmaxDouble)(numbers.data(), numbers.size()); }
void softmax_side_by_side(float* numbers, std::size_t length, std::size_t width) {
  HWY_DYNAMIC_DISPATCH(SoftmaxLinesFloat)(numbers, length, width);
}
void softmax_side_by_side(double* numbers, std::size_t length, std::size_t width) {
  HWY_DYNAMIC_DISPATCH(SoftmaxLinesDouble)(numbers, length, width);
}
void sigmoid(std::span<float> numbers) { HWY_DYNAMIC_DISPATCH(SigmoidFloat)(numbers.data(), numbers.size()); }
void sigmoid(std::span<double> numbers) { HWY_DYNAMIC_DISPATCH(SigmoidDouble)(numbers.data(), numbers.size()); }
void round_to_even(std::span<float> numbers, float power, bool before_point) {
  HWY_DYNAMIC_DISPATCH(RoundFloat)(numbers.data(), numbers.size(), power, before_point);
}
void round_to_even(std::span<double> numbers, double power, bool before_point) {
  HWY_DYNAMIC_DISPATCH(RoundDouble)(numbers.data(), numbers.size(), power, before_point);
}
double sum_of_squares(std::span<const float> numbers) {
  return HWY_DYNAMIC_DISPATCH(SquaresFloat)(numbers.data(), numbers.size());
}
double sum_of_squares(std::span<const double> numbers) {
  return HWY_DYNAMIC_DISPATCH(SquaresDouble)(numbers.data(), numbers.size());
}

}  // namespace pyserver
#endif  // HWY_ONCE
