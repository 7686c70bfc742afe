#include "ops/pixel_kernels.h"

// Vectors are members and elements of arrays here, which those without a fixed size cannot be. Such machines have NEON.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pixel_kernels.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pyserver {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

// A stage's numbers for the lanes of one vector.
struct LaneStage {
  Vector scale;
  Vector mean;
  Vector deviation;
  Vector reciprocal;
};

HWY_INLINE Vector applied(const LaneStage& stage, Vector x) {
  x = hn::Sub(hn::Mul(x, stage.scale), stage.mean);
  const Vector quotient = hn::Mul(x, stage.reciprocal);
  return hn::MulAdd(hn::NegMulAdd(quotient, stage.deviation, x), stage.reciprocal, quotient);
}

// The result for a vector of values.
template <std::size_t kStages, typename Bytes>
HWY_INLINE Vector computed(const LaneStage* stages, Bytes values) {
  const Floats floats;
  Vector x = hn::ConvertTo(floats, hn::PromoteTo(hn::RebindToSigned<Floats>(), values));
  for (std::size_t index = 0; index < kStages; ++index) x = applied(stages[index], x);
  return x;
}

HWY_INLINE void put(Vector x, float* to) { hn::StoreU(x, Floats(), to); }
HWY_INLINE void put(Vector x, hwy::float16_t* to) {
  const hn::Rebind<hwy::float16_t, Floats> halves;
  hn::StoreU(hn::DemoteTo(halves, x), halves, to);
}

// The vector that begins at lane `first` of 0, 1, 2, 0, 1, 2 …, or of one channel only where there is no other.
HWY_INLINE Vector spread(const std::array<float, 3>& by_channel, std::size_t first, std::size_t channels) {
  const Floats floats;
  HWY_ALIGN float lanes[hn::MaxLanes(floats)];
  for (std::size_t lane = 0; lane < hn::Lanes(floats); ++lane) lanes[lane] = by_channel[(first + lane) % channels];
  return hn::Load(floats, lanes);
}

HWY_INLINE LaneStage lanes_of(const PixelStage& stage, std::size_t first, std::size_t channels) {
  return {hn::Set(Floats(), stage.scale), spread(stage.mean, first, channels), spread(stage.deviation, first, channels),
          spread(stage.reciprocal, first, channels)};
}

HWY_INLINE LaneStage lanes_of_channel(const PixelStage& stage, std::size_t channel) {
  const Floats floats;
  return {hn::Set(floats, stage.scale), hn::Set(floats, stage.mean[channel]), hn::Set(floats, stage.deviation[channel]),
          hn::Set(floats, stage.reciprocal[channel])};
}

template <std::size_t kStages, typename Out>
std::size_t to_planes(const std::uint8_t* from, std::size_t pixels, const PixelFormula& formula, Out* to) {
  const Floats floats;
  const hn::Rebind<std::uint8_t, Floats> bytes;
  LaneStage stages[3][kStages + 1];
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (std::size_t index = 0; index < kStages; ++index) {
      stages[channel][index] = lanes_of_channel(formula.stages[index], channel);
    }
  }
  std::size_t pixel = 0;
  for (const std::size_t step = hn::Lanes(floats); pixel + step <= pixels; pixel += step) {
    hn::Vec<decltype(bytes)> values[3];
    hn::LoadInterleaved3(bytes, from + 3 * pixel, values[0], values[1], values[2]);
    put(computed<kStages>(stages[0], values[0]), to + pixel);
    put(computed<kStages>(stages[1], values[1]), to + pixels + pixel);
    put(computed<kStages>(stages[2], values[2]), to + 2 * pixels + pixel);
  }
  return pixel;
}

template <std::size_t kStages, typename Out>
std::size_t in_order(const std::uint8_t* from, std::size_t pixels, std::size_t channels, const PixelFormula& formula,
                     Out* to) {
  const Floats floats;
  const hn::Rebind<std::uint8_t, Floats> bytes;
  const std::size_t step = hn::Lanes(floats);
  // Three vectors are whole pixels, whatever their lanes.
  LaneStage stages[3][kStages + 1];
  for (std::size_t part = 0; part < 3; ++part) {
    for (std::size_t index = 0; index < kStages; ++index) {
      stages[part][index] = lanes_of(formula.stages[index], part * step, channels);
    }
  }
  const std::size_t count = pixels * channels;
  std::size_t at = 0;
  for (; at + 3 * step <= count; at += 3 * step) {
    for (std::size_t part = 0; part < 3; ++part) {
      const std::size_t here = at + part * step;
      put(computed<kStages>(stages[part], hn::LoadU(bytes, from + here)), to + here);
    }
  }
  if (channels == 1) {
    for (; at + step <= count; at += step) put(computed<kStages>(stages[0], hn::LoadU(bytes, from + at)), to + at);
  }
  return at / channels;
}

template <typename Out>
std::size_t ToPlanes(const std::uint8_t* from, std::size_t pixels, const PixelFormula& formula, Out* to) {
  switch (formula.stage_count) {
    case 0: return to_planes<0>(from, pixels, formula, to);
    case 1: return to_planes<1>(from, pixels, formula, to);
    default: return to_planes<2>(from, pixels, formula, to);
  }
}

template <typename Out>
std::size_t InOrder(const std::uint8_t* from, std::size_t pixels, std::size_t channels, const PixelFormula& formula,
                    Out* to) {
  switch (formula.stage_count) {
    case 0: return in_order<0>(from, pixels, channels, formula, to);
    case 1: return in_order<1>(from, pixels, channels, formula, to);
    default: return in_order<2>(from, pixels, channels, formula, to);
  }
}

std::size_t PixelsToPlanes(const std::uint8_t* from, std::size_t pixels, const PixelFormula& formula, bool half,
                           void* to) {
  return half ? ToPlanes(from, pixels, formula, static_cast<hwy::float16_t*>(to))
              : ToPlanes(from, pixels, formula, static_cast<float*>(to));
}

std::size_t PixelsInOrder(const std::uint8_t* from, std::size_t pixels, std::size_t channels,
                          const PixelFormula& formula, bool half, void* to) {
  return half ? InOrder(from, pixels, channels, formula, static_cast<hwy::float16_t*>(to))
              : InOrder(from, pixels, channels, formula, static_cast<float*>(to));
}

template <typename Element>
std::size_t planes_of(const std::byte* from, std::size_t pixels, std::byte* to) {
  const hn::ScalableTag<Element> tag;
  const auto* const source = reinterpret_cast<const Element*>(from);
  auto* const target = reinterpret_cast<Element*>(to);
  std::size_t pixel = 0;
  for (const std::size_t step = hn::Lanes(tag); pixel + step <= pixels; pixel += step) {
    hn::Vec<decltype(tag)> values[3];
    hn::LoadInterleaved3(tag, source + 3 * pixel, values[0], values[1], values[2]);
    for (std::size_t channel = 0; channel < 3; ++channel) {
      hn::StoreU(values[channel], tag, target + channel * pixels + pixel);
    }
  }
  return pixel;
}

std::size_t ThreePlanes(const std::byte* from, std::size_t pixels, std::size_t element, std::byte* to) {
  switch (element) {
    case 1: return planes_of<std::uint8_t>(from, pixels, to);
    case 2: return planes_of<std::uint16_t>(from, pixels, to);
    default: return planes_of<std::uint32_t>(from, pixels, to);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace pyserver
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pyserver {
namespace {

HWY_EXPORT(PixelsToPlanes);
HWY_EXPORT(PixelsInOrder);
HWY_EXPORT(ThreePlanes);

}  // namespace

std::size_t pixels_to_planes(const std::uint8_t* from, std::size_t pixels, const PixelFormula& formula, bool half,
                             void* to) {
  return HWY_DYNAMIC_DISPATCH(PixelsToPlanes)(from, pixels, formula, half, to);
}

std::size_t pixels_in_order(const std::uint8_t* from, std::size_t pixels, std::size_t channels,
                            const PixelFormula& formula, bool half, void* to) {
  return HWY_DYNAMIC_DISPATCH(PixelsInOrder)(from, pixels, channels, formula, half, to);
}

std::size_t three_planes(const std::byte* from, std::size_t pixels, std::size_t element, std::byte* to) {
  return HWY_DYNAMIC_DISPATCH(ThreePlanes)(from, pixels, element, to);
}

}  // namespace pyserver
#endif  // HWY_ONCE
