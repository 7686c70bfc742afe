#include "ops/resample/weigh.h"

#include <algorithm>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/resample/weigh.cc"
#include "hwy/foreach_target.h"  // compiles this file once for each set of instructions
#include "hwy/highway.h"
#include "ops/resample/opencv_taps.h"
#include "ops/resample/pillow_taps.h"

HWY_BEFORE_NAMESPACE();
namespace pyserver::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What a kernel adds up, in the lanes of its sums: how it begins, takes in a tap, and ends. Most begin with nothing;
struct FromZero {
  template <class D>
  static auto start(D d) {
    return hn::Zero(d);
  }
};
// and some widen what they take in.
template <typename From>
struct Widening {
  template <class D, class V>
  static V add(D d, V sum, const From* from, V weight) {
    return hn::Add(sum, hn::Mul(hn::PromoteTo(d, hn::LoadU(hn::Rebind<From, D>(), from)), weight));
  }
};

struct PillowBytesSum : Widening<Byte> {
  using Lane = std::int32_t;
  template <class D>
  static auto start(D d) {
    return hn::Set(d, 1 << (kPillowFractionBits - 1));
  }
  template <class D, class V>
  static void store(D, V sum, Byte* to) {
    const hn::Rebind<Byte, D> bytes;
    hn::StoreU(hn::DemoteTo(bytes, hn::ShiftRight<kPillowFractionBits>(sum)), bytes, to);
  }
};

struct FloatsSum : FromZero, Widening<float> {
  using Lane = double;
  template <class D, class V>
  static void store(D, V sum, float* to) {
    const hn::Rebind<float, D> floats;
    hn::StoreU(hn::DemoteTo(floats, sum), floats, to);
  }
};

struct BytesToSumsSum : FromZero, Widening<Byte> {
  using Lane = std::int32_t;
  template <class D, class V>
  static void store(D d, V sum, std::int32_t* to) {
    hn::StoreU(sum, d, to);
  }
};

struct LinearSumsSum {
  using Lane = std::int32_t;
  template <class D>
  static auto start(D d) {
    return hn::Set(d, 2);
  }
  template <class D, class V>
  static V add(D d, V sum, const std::int32_t* from, V weight) {
    return hn::Add(sum, hn::ShiftRight<16>(hn::Mul(hn::ShiftRight<4>(hn::LoadU(d, from)), weight)));
  }
  template <class D, class V>
  static void store(D, V sum, Byte* to) {
    const hn::Rebind<Byte, D> bytes;
    hn::StoreU(hn::DemoteTo(bytes, hn::ShiftRight<2>(sum)), bytes, to);
  }
};

struct SumsSum {
  using Lane = std::int32_t;
  template <class D>
  static auto start(D d) {
    return hn::Set(d, 1 << (2 * kOpenCvFractionBits - 1));
  }
  template <class D, class V>
  static V add(D d, V sum, const std::int32_t* from, V weight) {
    return hn::Add(sum, hn::Mul(hn::LoadU(d, from), weight));
  }
  template <class D, class V>
  static void store(D, V sum, Byte* to) {
    const hn::Rebind<Byte, D> bytes;
    hn::StoreU(hn::DemoteTo(bytes, hn::ShiftRight<2 * kOpenCvFractionBits>(sum)), bytes, to);
  }
};

struct BytesToFloatsSum : FromZero {
  using Lane = float;
  template <class D, class V>
  static V add(D d, V sum, const Byte* from, V weight) {
    const hn::Rebind<std::int32_t, D> whole;
    const auto pixels = hn::PromoteTo(whole, hn::LoadU(hn::Rebind<Byte, D>(), from));
    return hn::Add(sum, hn::Mul(hn::ConvertTo(d, pixels), weight));
  }
  template <class D, class V>
  static void store(D d, V sum, float* to) {
    hn::StoreU(sum, d, to);
  }
};

struct FloatsToBytesSum : FromZero {
  using Lane = float;
  template <class D, class V>
  static V add(D d, V sum, const float* from, V weight) {
    return hn::Add(sum, hn::Mul(hn::LoadU(d, from), weight));
  }
  template <class D, class V>
  static void store(D, V sum, Byte* to) {
    const hn::Rebind<Byte, D> bytes;
    hn::StoreU(hn::DemoteTo(bytes, hn::NearestInt(sum)), bytes, to);
  }
};

struct SumsOfFloatsSum : FromZero {
  using Lane = float;
  template <class D, class V>
  static V add(D d, V sum, const float* from, V) {
    return hn::Add(sum, hn::LoadU(d, from));
  }
  template <class V>
  static V weighed(V sum, V weight) {
    return hn::Mul(sum, weight);
  }
  template <class D, class V>
  static void store(D d, V sum, Byte* to) {
    FloatsToBytesSum::store(d, sum, to);
  }
};

// Ends the sums of those that are weighed as a whole; others are left as they are.
template <class Sum, class V>
V weighed(V sum, V weight) {
  if constexpr (requires { Sum::weighed(sum, weight); }) {
    return Sum::weighed(sum, weight);
  } else {
    return sum;
  }
}

// `kVectors` vectors of elements of one row, each with a sum of its own so that they need not wait for each other.
template <class Sum, std::size_t kVectors, class D, typename In, typename Out, typename Weight>
void weigh_part(D d, const In* from, std::size_t stride, const Weight* weights, std::size_t taps, Out* to) {
  const std::size_t lanes = hn::Lanes(d);
  auto sum0 = Sum::start(d);
  auto sum1 = sum0;
  auto sum2 = sum0;
  auto sum3 = sum0;
  for (std::size_t tap = 0; tap < taps; ++tap, from += stride) {
    const auto weight = hn::Set(d, weights[tap]);
    sum0 = Sum::add(d, sum0, from, weight);
    if constexpr (kVectors == 4) {
      sum1 = Sum::add(d, sum1, from + lanes, weight);
      sum2 = Sum::add(d, sum2, from + 2 * lanes, weight);
      sum3 = Sum::add(d, sum3, from + 3 * lanes, weight);
    }
  }
  const auto weight = hn::Set(d, weights[0]);
  Sum::store(d, weighed<Sum>(sum0, weight), to);
  if constexpr (kVectors == 4) {
    Sum::store(d, weighed<Sum>(sum1, weight), to + lanes);
    Sum::store(d, weighed<Sum>(sum2, weight), to + 2 * lanes);
    Sum::store(d, weighed<Sum>(sum3, weight), to + 3 * lanes);
  }
}

template <class Sum, typename In, typename Out, typename Weight>
void weigh_rows(const Weighing<In, Out, Weight>& weighing) {
  const hn::ScalableTag<typename Sum::Lane> d;
  const hn::CappedTag<typename Sum::Lane, 1> one;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t length = weighing.length;
  for (std::size_t row = 0; row < weighing.taps.pixels; ++row) {
    const In* const from =
        weighing.source + static_cast<std::size_t>(weighing.taps.first[row]) * weighing.source_stride;
    Out* const to = weighing.target + row * weighing.target_stride;
    const Weight* const weights = weighing.taps.weights + row * weighing.taps.stride;
    const auto taps = static_cast<std::size_t>(weighing.taps.count[row]);
    const auto part = [&]<std::size_t kVectors>(auto tag, std::size_t at) {
      weigh_part<Sum, kVectors>(tag, from + at, weighing.source_stride, weights, taps, to + at);
    };
    std::size_t at = 0;
    for (; at + 4 * lanes <= length; at += 4 * lanes) part.template operator()<4>(d, at);
    for (; at + lanes <= length; at += lanes) part.template operator()<1>(d, at);
    if (at < length && length >= lanes) {
      part.template operator()<1>(d, length - lanes);  // the last vector overlaps the one before
    } else {
      for (; at < length; ++at) part.template operator()<1>(one, at);
    }
  }
}

// The vectors of one pixel's channels. A picture of three channels has its neighbour's first in the last lane, whose
// place in the target is written once more when it is its turn.
// kTaps: how many every pixel has, with those whose weight is 0; 0: each has its own count.
template <class Sum, std::size_t kTaps, typename In, typename Out, typename Weight>
std::size_t weigh_inner_pixels(const LineWeighing<In, Out, Weight>& weighing, const In* line, Out* target,
                               std::size_t most_taps) {
  const hn::CappedTag<typename Sum::Lane, 4> d;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t channels = weighing.channels;
  const Taps<Weight>& taps = weighing.taps;
  std::size_t pixel = 0;
  for (; pixel + 1 < taps.pixels; ++pixel) {
    const auto first = static_cast<std::size_t>(taps.first[pixel]);
    if (first + most_taps >= weighing.source_pixels) break;
    const Weight* const weights = taps.weights + pixel * taps.stride;
    const std::size_t count = kTaps != 0 ? kTaps : static_cast<std::size_t>(taps.count[pixel]);
    for (std::size_t channel = 0; channel < channels; channel += lanes) {
      weigh_part<Sum, 1>(d, line + first * channels + channel, channels, weights, count,
                         target + pixel * channels + channel);
    }
  }
  return pixel;
}

#if HWY_TARGET == HWY_SCALAR
// There are no vectors to pair channels in.
std::size_t weigh_pairs_of_pixels(const LineWeighing<Byte, std::int32_t, std::int32_t>& weighing, const Byte* line,
                                  std::int32_t* target) {
  return weigh_inner_pixels<BytesToSumsSum, 2>(weighing, line, target, 2);
}
#else
// Two taps, whose weights fit 16 bits: each channel of a pixel beside that of its neighbour, weighed and added at once.
std::size_t weigh_pairs_of_pixels(const LineWeighing<Byte, std::int32_t, std::int32_t>& weighing, const Byte* line,
                                  std::int32_t* target) {
  const hn::FixedTag<Byte, 16> bytes;
  const hn::FixedTag<std::int16_t, 8> words;
  const hn::FixedTag<std::int32_t, 4> sums;
  constexpr Byte kNone = 0x80;
  alignas(16) static constexpr Byte kThree[16] = {0, kNone, 3, kNone, 1,     kNone, 4,     kNone,
                                                  2, kNone, 5, kNone, kNone, kNone, kNone, kNone};
  alignas(16) static constexpr Byte kFour[16] = {0, kNone, 4, kNone, 1, kNone, 5, kNone,
                                                 2, kNone, 6, kNone, 3, kNone, 7, kNone};
  const std::size_t channels = weighing.channels;
  const auto order = hn::Load(bytes, channels == 3 ? kThree : kFour);
  const Taps<std::int32_t>& taps = weighing.taps;
  const std::size_t source_bytes = weighing.source_pixels * channels;
  std::size_t pixel = 0;
  for (; pixel + 1 < taps.pixels; ++pixel) {
    const std::size_t from = static_cast<std::size_t>(taps.first[pixel]) * channels;
    if (from + 16 > source_bytes) break;
    const std::int32_t* const weights = taps.weights + pixel * taps.stride;
    const auto pairs = hn::BitCast(words, hn::TableLookupBytesOr0(hn::LoadU(bytes, line + from), order));
    const auto weight = hn::BitCast(words, hn::Set(sums, (weights[0] & 0xffff) | weights[1] * (1 << 16)));
    auto other = hn::Zero(sums);
    const auto sum = hn::ReorderWidenMulAccumulate(sums, pairs, weight, hn::Zero(sums), other);
    hn::StoreU(hn::RearrangeToOddPlusEven(sum, other), sums, target + pixel * channels);
  }
  return pixel;
}
#endif

template <class Sum, typename In, typename Out, typename Weight>
void weigh_line(const LineWeighing<In, Out, Weight>& weighing, const In* line, Out* target, std::size_t most_taps) {
  std::size_t pixel = 0;
  // A weight of 0 beyond a pixel's own taps changes no sum of bytes, but would one of floats that are not finite.
  switch (std::is_same_v<In, Byte> ? most_taps : 0) {
    case 2:
      if constexpr (std::is_same_v<Sum, BytesToSumsSum>) {
        pixel = weigh_pairs_of_pixels(weighing, line, target);
      } else {
        pixel = weigh_inner_pixels<Sum, 2>(weighing, line, target, most_taps);
      }
      break;
    case 3: pixel = weigh_inner_pixels<Sum, 3>(weighing, line, target, most_taps); break;
    case 4: pixel = weigh_inner_pixels<Sum, 4>(weighing, line, target, most_taps); break;
    default: pixel = weigh_inner_pixels<Sum, 0>(weighing, line, target, most_taps); break;
  }
  // What has no neighbour to its right.
  const hn::CappedTag<typename Sum::Lane, 1> one;
  const Taps<Weight>& taps = weighing.taps;
  for (; pixel < taps.pixels; ++pixel) {
    const In* const from = line + static_cast<std::size_t>(taps.first[pixel]) * weighing.channels;
    for (std::size_t channel = 0; channel < weighing.channels; ++channel) {
      weigh_part<Sum, 1>(one, from + channel, weighing.channels, taps.weights + pixel * taps.stride,
                         static_cast<std::size_t>(taps.count[pixel]), target + pixel * weighing.channels + channel);
    }
  }
}

template <class Sum, typename In, typename Out, typename Weight>
void weigh_lines_of_pixels(const LineWeighing<In, Out, Weight>& weighing) {
  const Taps<Weight>& taps = weighing.taps;
  const auto most_taps = static_cast<std::size_t>(*std::max_element(taps.count, taps.count + taps.pixels));
  for (std::size_t row = 0; row < weighing.count; ++row) {
    const In* const line = weighing.source + static_cast<std::size_t>(weighing.rows[row]) * weighing.source_stride;
    weigh_line<Sum>(weighing, line, weighing.target + row * weighing.target_stride, most_taps);
  }
}

void pillow_bytes(const PillowBytes& weighing) { weigh_rows<PillowBytesSum>(weighing); }
void floats(const Floats& weighing) { weigh_rows<FloatsSum>(weighing); }
void bytes_to_sums(const BytesToSums& weighing) { weigh_rows<BytesToSumsSum>(weighing); }
void linear_sums(const SumsToBytes& weighing) { weigh_rows<LinearSumsSum>(weighing); }
void sums(const SumsToBytes& weighing) { weigh_rows<SumsSum>(weighing); }
void bytes_to_floats(const BytesToFloats& weighing) { weigh_rows<BytesToFloatsSum>(weighing); }
void floats_to_bytes(const FloatsToBytes& weighing) { weigh_rows<FloatsToBytesSum>(weighing); }
void sums_of_floats(const FloatsToBytes& weighing) { weigh_rows<SumsOfFloatsSum>(weighing); }

void floats_lines(const LineWeighing<float, float, double>& weighing) { weigh_lines_of_pixels<FloatsSum>(weighing); }
void bytes_to_sums_lines(const LineWeighing<Byte, std::int32_t, std::int32_t>& weighing) {
  weigh_lines_of_pixels<BytesToSumsSum>(weighing);
}
void bytes_to_floats_lines(const LineWeighing<Byte, float, float>& weighing) {
  weigh_lines_of_pixels<BytesToFloatsSum>(weighing);
}

}  // namespace pyserver::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pyserver {

HWY_EXPORT(floats_lines);
HWY_EXPORT(bytes_to_sums_lines);
HWY_EXPORT(bytes_to_floats_lines);
HWY_EXPORT(pillow_bytes);
HWY_EXPORT(floats);
HWY_EXPORT(bytes_to_sums);
HWY_EXPORT(linear_sums);
HWY_EXPORT(sums);
HWY_EXPORT(bytes_to_floats);
HWY_EXPORT(floats_to_bytes);
HWY_EXPORT(sums_of_floats);

void weigh_pillow_bytes(const PillowBytes& weighing) { HWY_DYNAMIC_DISPATCH(pillow_bytes)(weighing); }
void weigh_floats(const Floats& weighing) { HWY_DYNAMIC_DISPATCH(floats)(weighing); }
void weigh_bytes_to_sums(const BytesToSums& weighing) { HWY_DYNAMIC_DISPATCH(bytes_to_sums)(weighing); }
void weigh_linear_sums(const SumsToBytes& weighing) { HWY_DYNAMIC_DISPATCH(linear_sums)(weighing); }
void weigh_sums(const SumsToBytes& weighing) { HWY_DYNAMIC_DISPATCH(sums)(weighing); }
void weigh_bytes_to_floats(const BytesToFloats& weighing) { HWY_DYNAMIC_DISPATCH(bytes_to_floats)(weighing); }
void weigh_sums_of_floats(const FloatsToBytes& weighing) { HWY_DYNAMIC_DISPATCH(sums_of_floats)(weighing); }
void weigh_floats_to_bytes(const FloatsToBytes& weighing) { HWY_DYNAMIC_DISPATCH(floats_to_bytes)(weighing); }
void weigh_lines(const LineWeighing<float, float, double>& weighing) { HWY_DYNAMIC_DISPATCH(floats_lines)(weighing); }
void weigh_lines(const LineWeighing<Byte, std::int32_t, std::int32_t>& weighing) {
  HWY_DYNAMIC_DISPATCH(bytes_to_sums_lines)(weighing);
}
void weigh_lines(const LineWeighing<Byte, float, float>& weighing) {
  HWY_DYNAMIC_DISPATCH(bytes_to_floats_lines)(weighing);
}

}  // namespace pyserver
#endif
