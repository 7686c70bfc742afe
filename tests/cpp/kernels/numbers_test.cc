// The device's rules by which one datatype becomes another (source/numbers.cuh), compiled for the host, against those
// of the CPU (ops/element.h).
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "ops/element.h"

#define __device__
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
namespace device {
#include "kernels/source/numbers.cuh"
}  // namespace device

namespace pyserver {
namespace {

template <typename Element>
struct OnDevice {
  using Type = Element;
};
template <>
struct OnDevice<BoolElement> {
  using Type = device::Bool;
};
template <>
struct OnDevice<Fp16> {
  using Type = device::Fp16;
};
template <>
struct OnDevice<Bf16> {
  using Type = device::Bf16;
};
// The same 64 bits by another name.
template <>
struct OnDevice<std::int64_t> {
  using Type = device::Int64;
};
template <>
struct OnDevice<std::uint64_t> {
  using Type = device::Uint64;
};

// All that an element of 16 bits or fewer can be; of longer ones random bits, their neighbourhoods of powers of two,
// and the ends.
template <typename Element>
std::vector<Element> samples() {
  std::vector<Element> all;
  const auto add = [&](std::uint64_t bits) {
    Element element;
    std::memcpy(static_cast<void*>(&element), &bits, sizeof element);  // little-endian
    all.push_back(element);
  };
  if constexpr (sizeof(Element) <= 2) {
    for (std::uint64_t bits = 0; bits < std::uint64_t{1} << (8 * sizeof(Element)); ++bits) add(bits);
  } else {
    std::mt19937_64 random(7);
    for (int count = 0; count < 3000; ++count) add(random());
    for (int power = 0; power < 64; ++power) {
      for (std::int64_t beside = -2; beside <= 2; ++beside) {
        const auto whole = (std::uint64_t{1} << power) + static_cast<std::uint64_t>(beside);
        add(whole);
        if constexpr (std::floating_point<Element>) {
          for (const double sign : {1.0, -1.0}) {
            all.push_back(static_cast<Element>(sign * std::ldexp(1.0, power - 32)));
            all.push_back(static_cast<Element>(sign * static_cast<double>(whole)));
            all.push_back(static_cast<Element>(sign * (std::ldexp(1.0, power / 4) + 0.5)));
          }
        }
      }
    }
  }
  return all;
}

template <typename Element>
bool is_nan(Element element) {
  const auto number = number_of(element);
  return number != number;
}

template <typename To, typename From>
void expect_the_same() {
  using DeviceTo = typename OnDevice<To>::Type;
  using DeviceFrom = typename OnDevice<From>::Type;
  static_assert(sizeof(To) == sizeof(DeviceTo) && sizeof(From) == sizeof(DeviceFrom));
  for (const From from : samples<From>()) {
    const To expected = converted<To>(from);
    const DeviceTo on_device = device::converted<DeviceTo>(std::bit_cast<DeviceFrom>(from));
    const To got = std::bit_cast<To>(on_device);
    if (is_nan(expected) && is_nan(got)) continue;
    ASSERT_EQ(std::memcmp(&got, &expected, sizeof(To)), 0)
        << "from " << +number_of(from) << ": " << +number_of(got) << ", expected " << +number_of(expected);
  }
}

constexpr std::array kDatatypes = {Datatype::kBool,   Datatype::kUint8, Datatype::kUint16, Datatype::kUint32,
                                   Datatype::kUint64, Datatype::kInt8,  Datatype::kInt16,  Datatype::kInt32,
                                   Datatype::kInt64,  Datatype::kFp16,  Datatype::kFp32,   Datatype::kFp64,
                                   Datatype::kBf16};

TEST(DeviceNumbers, EveryDatatypeBecomesEveryOtherAsOnTheCpu) {
  for (const Datatype from : kDatatypes) {
    for (const Datatype to : kDatatypes) {
      SCOPED_TRACE(std::string(name_of(from)) + " to " + std::string(name_of(to)));
      if (from == to) continue;
      with_element(from, [&]<typename From>(std::type_identity<From>) {
        with_element(to, [&]<typename To>(std::type_identity<To>) {
          if constexpr (!std::same_as<To, From>) expect_the_same<To, From>();
        });
      });
    }
  }
}

}  // namespace
}  // namespace pyserver
