#include "ops/cast_kernels.h"

#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cast_kernels.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace pyserver {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;

// Where there is no instruction for FP16, Highway does not round, and knows no infinity.
#if HWY_TARGET == HWY_SSSE3 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR
constexpr bool kHasHalves = false;
#else
constexpr bool kHasHalves = true;
#endif

std::size_t FloatsToHalves(const std::byte* from, std::byte* to, std::size_t count) {
  if (!kHasHalves) return 0;
  const Floats floats;
  const hn::Rebind<hwy::float16_t, Floats> halves;
  const auto* const source = reinterpret_cast<const float*>(from);
  auto* const target = reinterpret_cast<hwy::float16_t*>(to);
  std::size_t at = 0;
  for (const std::size_t step = hn::Lanes(floats); at + step <= count; at += step) {
    hn::StoreU(hn::DemoteTo(halves, hn::LoadU(floats, source + at)), halves, target + at);
  }
  return at;
}

std::size_t HalvesToFloats(const std::byte* from, std::byte* to, std::size_t count) {
  if (!kHasHalves) return 0;
  const Floats floats;
  const hn::Rebind<hwy::float16_t, Floats> halves;
  const auto* const source = reinterpret_cast<const hwy::float16_t*>(from);
  auto* const target = reinterpret_cast<float*>(to);
  std::size_t at = 0;
  for (const std::size_t step = hn::Lanes(floats); at + step <= count; at += step) {
    hn::StoreU(hn::PromoteTo(floats, hn::LoadU(halves, source + at)), floats, target + at);
  }
  return at;
}

template <typename Byte>
std::size_t to_bytes(const std::byte* from, std::byte* to, std::size_t count) {
  const Floats floats;
  const hn::RebindToSigned<Floats> integers;
  const hn::Rebind<Byte, Floats> bytes;
  const auto lowest = hn::Set(floats, static_cast<float>(hwy::LimitsMin<Byte>()));
  const auto highest = hn::Set(floats, static_cast<float>(hwy::LimitsMax<Byte>()));
  const auto* const source = reinterpret_cast<const float*>(from);
  auto* const target = reinterpret_cast<Byte*>(to);
  std::size_t at = 0;
  for (const std::size_t step = hn::Lanes(floats); at + step <= count; at += step) {
    const auto x = hn::LoadU(floats, source + at);
    const auto number = hn::IfThenElseZero(hn::Eq(x, x), x);
    const auto within = hn::Min(hn::Max(number, lowest), highest);
    hn::StoreU(hn::DemoteTo(bytes, hn::ConvertTo(integers, within)), bytes, target + at);
  }
  return at;
}

std::size_t FloatsToUint8(const std::byte* from, std::byte* to, std::size_t count) {
  return to_bytes<std::uint8_t>(from, to, count);
}
std::size_t FloatsToInt8(const std::byte* from, std::byte* to, std::size_t count) {
  return to_bytes<std::int8_t>(from, to, count);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace pyserver
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pyserver {
namespace {

HWY_EXPORT(FloatsToHalves);
HWY_EXPORT(HalvesToFloats);
HWY_EXPORT(FloatsToUint8);
HWY_EXPORT(FloatsToInt8);

}  // namespace

std::size_t convert_vectors(const std::byte* from, Datatype from_datatype, std::byte* to, Datatype to_datatype,
                            std::size_t count) noexcept {
  if (from_datatype == Datatype::kFp16 && to_datatype == Datatype::kFp32) {
    return HWY_DYNAMIC_DISPATCH(HalvesToFloats)(from, to, count);
  }
  if (from_datatype != Datatype::kFp32) return 0;
  switch (to_datatype) {
    case Datatype::kFp16: return HWY_DYNAMIC_DISPATCH(FloatsToHalves)(from, to, count);
    case Datatype::kUint8: return HWY_DYNAMIC_DISPATCH(FloatsToUint8)(from, to, count);
    case Datatype::kInt8: return HWY_DYNAMIC_DISPATCH(FloatsToInt8)(from, to, count);
    default: return 0;
  }
}

}  // namespace pyserver
#endif  // HWY_ONCE
