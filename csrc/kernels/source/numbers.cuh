// The elements of tensors as types of the device, and the rules by which one becomes another: those of
// csrc/ops/element.h, to the last bit (of NaN, to its being one).
#pragma once

typedef unsigned char Uint8;
typedef unsigned short Uint16;
typedef unsigned int Uint32;
typedef unsigned long long Uint64;
typedef signed char Int8;
typedef short Int16;
typedef int Int32;
typedef long long Int64;
typedef float Fp32;
typedef double Fp64;

struct Bool {
  Uint8 byte;
};
struct Fp16 {
  Uint16 bits;
};
struct Bf16 {
  Uint16 bits;
};

template <typename A, typename B>
inline constexpr bool kSame = false;
template <typename A>
inline constexpr bool kSame<A, A> = true;

template <typename T>
inline constexpr bool kIsReal = kSame<T, float> || kSame<T, double>;

template <typename T>
inline constexpr bool kIsSigned = T(-1) < T(0);

// Bits of an integer beside its sign.
template <typename T>
inline constexpr int kDigits = 8 * int(sizeof(T)) - (kIsSigned<T> ? 1 : 0);

template <typename T>
inline constexpr T kHighest = kIsSigned<T> ? T(((Uint64(1) << (8 * sizeof(T) - 1)) - 1)) : T(~Uint64(0));
template <typename T>
inline constexpr T kLowest = kIsSigned<T> ? T(-kHighest<T> - 1) : T(0);

__device__ inline float to_float(Fp16 half) {
  const Uint32 sign = (half.bits & 0x8000u) << 16;
  Uint32 bits = ((half.bits & 0x7fffu) << 13) + (112u << 23);
  const Uint32 exponent = half.bits & 0x7c00u;
  if (exponent == 0x7c00u) bits += 112u << 23;
  if (exponent == 0) bits = __float_as_uint(__uint_as_float(bits + (1u << 23)) - __uint_as_float(113u << 23));
  return __uint_as_float(bits | sign);
}

__device__ inline float to_float(Bf16 value) { return __uint_as_float(Uint32(value.bits) << 16); }

__device__ inline Fp16 to_fp16(float value) {
  const Uint32 bits = __float_as_uint(value);
  const Uint32 magnitude = bits & 0x7fffffffu;
  Uint32 half = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  if (magnitude < (113u << 23)) half = __float_as_uint(__uint_as_float(magnitude) + 0.5f) - __float_as_uint(0.5f);
  if (magnitude >= 0x477ff000u) half = 0x7c00u;
  if (magnitude > 0x7f800000u) half = 0x7e00u | ((magnitude >> 13) & 0x1ffu);
  return {Uint16(half | ((bits >> 16) & 0x8000u))};
}

__device__ inline Bf16 to_bf16(float value) {
  const Uint32 bits = __float_as_uint(value);
  const Uint32 rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return {Uint16(nan ? (bits >> 16) | 0x40u : rounded)};
}

// So that what is rounded from it to fewer digits is as if rounded from `value`: element.h says how.
__device__ inline float rounded_to_odd(double value) {
  const float nearest = float(value);
  const Uint32 bits = __float_as_uint(nearest);
  if (value != value || double(nearest) == value || (bits & 1u) != 0) return nearest;
  return __uint_as_float(fabs(double(nearest)) > fabs(value) ? bits - 1 : bits + 1);
}

template <typename Integer>
__device__ inline double integer_rounded_to_odd(Integer value) {
  if constexpr (sizeof(Integer) == 8) {
    constexpr Integer exact = Integer(1) << 53;
    if (value > exact || (kIsSigned<Integer> && value < Integer(0) - exact)) {
      constexpr Integer below = (1 << 11) - 1;
      const Integer kept = value & Integer(~below);
      return double((value & below) != 0 ? Integer(kept | (below + 1)) : kept);
    }
  }
  return double(value);
}

// The number that an element is: the number itself; 0 or 1 for BOOL; a float for FP16 and BF16.
template <typename Element>
__device__ inline auto number_of(Element element) {
  if constexpr (kSame<Element, Bool>) {
    return Uint8(element.byte != 0);
  } else if constexpr (kSame<Element, Fp16> || kSame<Element, Bf16>) {
    return to_float(element);
  } else {
    return element;
  }
}

template <typename To, typename From>
__device__ inline To converted(From from) {
  const auto value = number_of(from);
  using Value = decltype(number_of(from));
  if constexpr (kSame<To, From>) {
    return from;
  } else if constexpr (kSame<To, Bool>) {
    return {Uint8(value != 0)};
  } else if constexpr (kSame<To, Fp16> || kSame<To, Bf16>) {
    float narrow;
    if constexpr (kSame<Value, float>) {
      narrow = value;
    } else if constexpr (kSame<Value, double>) {
      narrow = rounded_to_odd(value);
    } else {
      narrow = rounded_to_odd(integer_rounded_to_odd(value));
    }
    if constexpr (kSame<To, Fp16>) {
      return to_fp16(narrow);
    } else {
      return to_bf16(narrow);
    }
  } else if constexpr (!kIsReal<To> && kIsReal<Value>) {
    // The lowest integer is a power of two or 0, so exact; the first number beyond the highest one is, too.
    constexpr Value lowest = Value(kLowest<To>);
    constexpr Value beyond = Value(Uint64(1) << (kDigits<To> - 1)) * 2;
    if (!(value > lowest)) return value != value ? To(0) : kLowest<To>;
    return value >= beyond ? kHighest<To> : To(value);
  } else {
    return To(value);
  }
}

// What ops compute in: FP64 as double, all else as float.
template <typename Element>
struct ComputedIn {
  using Number = float;
};
template <>
struct ComputedIn<double> {
  using Number = double;
};
template <typename Element>
using Computed = typename ComputedIn<Element>::Number;

// Elements that are loaded and stored at once.
template <typename Element, int count>
struct alignas(sizeof(Element) * count) Pack {
  Element elements[count];
};
