#include "ops/cast_kernels.h"

#include <hwy/highway.h>

#include <cmath>
#include <limits>
#include <random>

#include "ops/element.h"
#include "ops/op_testing.h"

namespace pyserver {
namespace {

// Every kind of float, many of them.
std::vector<float> floats() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> all{0.0F,    -0.0F,    kInfinity, -kInfinity, std::nanf(""), 65519.9F, 65520.0F, 6e-8F,
                         2.9e-8F, -3.1e-8F, 127.9F,    128.0F,     -128.9F,       255.9F,   256.0F,   -0.9F};
  std::mt19937 random(1);
  while (all.size() < 4096) {
    // Half of them any bits at all, half of them numbers about as large as FP16's.
    const auto bits = static_cast<std::uint32_t>(random());
    const float significand = std::bit_cast<float>((bits & 0x807fffffU) | 0x3f800000U);
    all.push_back(random() % 2 == 0 ? std::bit_cast<float>(bits)
                                    : std::ldexp(significand, static_cast<int>(random() % 44) - 26));
  }
  return all;
}

template <typename From, typename To>
void check(const std::vector<From>& numbers, Datatype from_datatype, Datatype to_datatype) {
  const auto from = bytes_of(numbers);
  std::vector<std::byte> to(numbers.size() * sizeof(To));
  const std::size_t done = convert_vectors(from.data(), from_datatype, to.data(), to_datatype, numbers.size());
  // There are machines without an instruction for FP16.
  ASSERT_TRUE(done == numbers.size() || (done == 0 && (std::same_as<From, Fp16> || std::same_as<To, Fp16>)));
  for (std::size_t at = 0; at < done; ++at) {
    const auto got = number_of(load<To>(to.data(), at));
    const auto expected = number_of(converted<To>(numbers[at]));
    if (expected != expected) {
      EXPECT_NE(got, got) << at;
    } else {
      EXPECT_EQ(got, expected) << static_cast<double>(number_of(numbers[at]));
    }
  }
}

TEST(CastKernelsTest, GiveWhatThePlainRulesGiveOnEveryTarget) {
  std::vector<Fp16> halves(1 << 16);
  for (std::size_t bits = 0; bits < halves.size(); ++bits) halves[bits].bits = static_cast<std::uint16_t>(bits);
  const std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  for (std::int64_t rest = targets; rest != 0; rest &= rest - 1) {
    SCOPED_TRACE(hwy::TargetName(rest & -rest));
    hwy::SetSupportedTargetsForTest(rest & -rest);
    check<float, Fp16>(floats(), Datatype::kFp32, Datatype::kFp16);
    check<float, std::uint8_t>(floats(), Datatype::kFp32, Datatype::kUint8);
    check<float, std::int8_t>(floats(), Datatype::kFp32, Datatype::kInt8);
    check<Fp16, float>(halves, Datatype::kFp16, Datatype::kFp32);
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace
}  // namespace pyserver
