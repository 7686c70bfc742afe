// The elements of tensors as C++ types, and the rules by which one becomes another.
//
// Bytes that come from a request need not be aligned, so elements are read and written by load() and store().
#pragma once

#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "tensor/datatype.h"

namespace pyserver {

// A byte that is not 0 is true.
struct BoolElement {
  std::uint8_t byte = 0;
};
struct Fp16 {
  std::uint16_t bits = 0;
};
struct Bf16 {
  std::uint16_t bits = 0;
};

template <typename Element>
Element load(const std::byte* elements, std::size_t index) noexcept {
  Element element;
  std::memcpy(&element, elements + index * sizeof(Element), sizeof(Element));
  return element;
}

template <typename Element>
void store(std::byte* elements, std::size_t index, Element element) noexcept {
  std::memcpy(elements + index * sizeof(Element), &element, sizeof(Element));
}

// Exact.
inline float to_float(Fp16 half) noexcept {
  const std::uint32_t sign = (half.bits & 0x8000U) << 16;
  // The exponent's bias is 15 in FP16 and 127 in FP32.
  std::uint32_t bits = ((half.bits & 0x7fffU) << 13) + (112U << 23);
  const std::uint32_t exponent = half.bits & 0x7c00U;
  // Subnormal: the FP32 with the hidden bit, without that bit. No step of it needs subnormal FP32 numbers.
  const float subnormal = std::bit_cast<float>(bits + (1U << 23)) - std::bit_cast<float>(113U << 23);
  bits = exponent == 0x7c00U ? bits + (112U << 23) : bits;  // infinity and NaN
  bits = exponent == 0 ? std::bit_cast<std::uint32_t>(subnormal) : bits;
  return std::bit_cast<float>(bits | sign);
}

// Exact.
inline float to_float(Bf16 value) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

// To the nearest, ties to even; 65520 and more become infinity.
inline Fp16 to_fp16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  // Normal: bit 13 becomes the last one; what is below it is rounded by a carry.
  std::uint32_t half = (magnitude - (112U << 23) + 0xfffU + ((magnitude >> 13) & 1U)) >> 13;
  // Subnormal (below 2^-14): 0.5's last bit is worth 2^-24, as FP16's smallest number, so that the addition rounds.
  const float added = std::bit_cast<float>(magnitude) + 0.5F;
  half = magnitude < (113U << 23) ? std::bit_cast<std::uint32_t>(added) - std::bit_cast<std::uint32_t>(0.5F) : half;
  half = magnitude >= 0x477ff000U ? 0x7c00U : half;
  half = magnitude > 0x7f800000U ? 0x7e00U | ((magnitude >> 13) & 0x1ffU) : half;  // NaN, as processors do
  return {static_cast<std::uint16_t>(half | ((bits >> 16) & 0x8000U))};
}

// To the nearest, ties to even.
inline Bf16 to_bf16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  const bool nan = (bits & 0x7fffffffU) > 0x7f800000U;
  return {static_cast<std::uint16_t>(nan ? (bits >> 16) | 0x40U : rounded)};
}

namespace internal {

// The float on either side of `value` whose last bit is 1, unless a float is `value`: what is rounded from it to fewer
// digits is as if rounded from `value` (S. Boldo and G. Melquiond, "When double rounding is odd", 2005).
inline float rounded_to_odd(double value) noexcept {
  const auto nearest = static_cast<float>(value);
  const auto bits = std::bit_cast<std::uint32_t>(nearest);
  if (std::isnan(value) || static_cast<double>(nearest) == value || (bits & 1U) != 0) return nearest;
  return std::bit_cast<float>(std::abs(static_cast<double>(nearest)) > std::abs(value) ? bits - 1 : bits + 1);
}

// Likewise, for integers that have more digits than a double.
template <std::integral Integer>
double rounded_to_odd(Integer value) noexcept {
  if constexpr (sizeof(Integer) == 8) {
    constexpr Integer kExact = Integer{1} << 53;
    if (value > kExact || (std::signed_integral<Integer> && value < Integer{} - kExact)) {
      constexpr Integer kBelow = (1 << 11) - 1;
      const Integer kept = value & static_cast<Integer>(~kBelow);
      return static_cast<double>((value & kBelow) != 0 ? static_cast<Integer>(kept | (kBelow + 1)) : kept);
    }
  }
  return static_cast<double>(value);
}

}  // namespace internal

// The number that an element is: the C++ number itself; 0 or 1 for BOOL; a float for FP16 and BF16.
template <typename Element>
auto number_of(Element element) noexcept {
  if constexpr (std::same_as<Element, BoolElement>) {
    return static_cast<std::uint8_t>(element.byte != 0);
  } else if constexpr (std::same_as<Element, Fp16> || std::same_as<Element, Bf16>) {
    return to_float(element);
  } else {
    return element;
  }
}

// As NumPy's astype: integers wrap; floats lose their fraction on the way to integers and are rounded to the nearest,
// ties to even, on the way to shorter floats; what is not 0 (so NaN) is true. Where NumPy's answer depends on the
// machine, a float outside of the integer's range becomes its nearest end, and NaN becomes 0.
template <typename To, typename From>
To converted(From from) noexcept {
  const auto value = number_of(from);
  using Value = std::remove_const_t<decltype(value)>;
  if constexpr (std::same_as<To, BoolElement>) {
    return {static_cast<std::uint8_t>(value != 0)};
  } else if constexpr (std::same_as<To, Fp16> || std::same_as<To, Bf16>) {
    float narrow;
    if constexpr (std::same_as<Value, float>) {
      narrow = value;
    } else if constexpr (std::same_as<Value, double>) {
      narrow = internal::rounded_to_odd(value);
    } else {
      narrow = internal::rounded_to_odd(internal::rounded_to_odd(value));
    }
    if constexpr (std::same_as<To, Fp16>) {
      return to_fp16(narrow);
    } else {
      return to_bf16(narrow);
    }
  } else if constexpr (std::integral<To> && std::floating_point<Value>) {
    constexpr auto kLowest = static_cast<Value>(std::numeric_limits<To>::lowest());
    if constexpr (std::numeric_limits<To>::digits <= std::numeric_limits<Value>::digits) {
      // Both ends are numbers of the float's type. In this form, in which NaN becomes the lowest, and without branches:
      // compilers make vectors of it.
      constexpr auto kHighest = static_cast<Value>(std::numeric_limits<To>::max());
      Value within = value > kLowest ? value : kLowest;
      within = within < kHighest ? within : kHighest;
      using Wide = std::conditional_t<sizeof(To) < sizeof(std::int32_t), std::int32_t, To>;
      const auto whole = static_cast<Wide>(within);
      return static_cast<To>(kLowest == 0 || value == value ? whole : Wide{0});
    }
    // The lowest integer is a power of two or 0, so exact; the first number beyond the highest one is, too.
    constexpr Value kBeyond = static_cast<Value>(std::uint64_t{1} << (std::numeric_limits<To>::digits - 1)) * 2;
    if (!(value > kLowest)) return std::isnan(value) ? To{0} : std::numeric_limits<To>::lowest();
    return value >= kBeyond ? std::numeric_limits<To>::max() : static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

// Calls visitor(std::type_identity<Element>()) with the C++ type of any datatype but BYTES.
template <typename Visitor>
decltype(auto) with_element(Datatype datatype, Visitor&& visitor) {
  switch (datatype) {
    case Datatype::kBool: return visitor(std::type_identity<BoolElement>());
    case Datatype::kUint16: return visitor(std::type_identity<std::uint16_t>());
    case Datatype::kUint32: return visitor(std::type_identity<std::uint32_t>());
    case Datatype::kUint64: return visitor(std::type_identity<std::uint64_t>());
    case Datatype::kInt8: return visitor(std::type_identity<std::int8_t>());
    case Datatype::kInt16: return visitor(std::type_identity<std::int16_t>());
    case Datatype::kInt32: return visitor(std::type_identity<std::int32_t>());
    case Datatype::kInt64: return visitor(std::type_identity<std::int64_t>());
    case Datatype::kFp16: return visitor(std::type_identity<Fp16>());
    case Datatype::kFp32: return visitor(std::type_identity<float>());
    case Datatype::kFp64: return visitor(std::type_identity<double>());
    case Datatype::kBf16: return visitor(std::type_identity<Bf16>());
    case Datatype::kUint8:
    case Datatype::kBytes: break;
  }
  return visitor(std::type_identity<std::uint8_t>());
}

inline bool is_float(Datatype datatype) noexcept {
  return datatype == Datatype::kFp16 || datatype == Datatype::kBf16 || datatype == Datatype::kFp32 ||
         datatype == Datatype::kFp64;
}

// `count` elements of one datatype as those of another, by the rules of converted(). Neither is BYTES. They may be the
// same memory where the datatype is.
void convert_elements(const std::byte* from, Datatype from_datatype, std::byte* to, Datatype to_datatype,
                      std::size_t count) noexcept;

}  // namespace pyserver
