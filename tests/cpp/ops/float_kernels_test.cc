#include "ops/float_kernels.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace pyserver {
namespace {

template <typename Number>
std::vector<Number> random_numbers(std::size_t count, double deviation) {
  std::mt19937 random(static_cast<unsigned>(count));
  std::normal_distribution<double> numbers(0, deviation);
  std::vector<Number> all(count);
  for (Number& number : all) number = static_cast<Number>(numbers(random));
  return all;
}

template <typename Number>
void check_all(std::size_t count, double tolerance) {
  const std::vector<Number> numbers = random_numbers<Number>(count, 30);
  std::vector<Number> got = numbers;
  softmax(got);
  const double largest = *std::ranges::max_element(numbers);
  double sum = 0;
  for (const Number x : numbers) sum += std::exp(x - largest);
  for (std::size_t at = 0; at < count; ++at) ASSERT_NEAR(got[at], std::exp(numbers[at] - largest) / sum, tolerance);

  // 64 lines side by side, all the same.
  alignas(64) static Number side_by_side[1000 * 64];
  for (std::size_t at = 0; at < count * 64; ++at) side_by_side[at] = numbers[at / 64];
  softmax_side_by_side(side_by_side, count, 64);
  for (std::size_t at = 0; at < count * 64; ++at) ASSERT_NEAR(side_by_side[at], got[at / 64], tolerance);

  got = numbers;
  sigmoid(got);
  for (std::size_t at = 0; at < count; ++at) {
    ASSERT_NEAR(got[at], 1 / (1 + std::exp(-static_cast<double>(numbers[at]))), tolerance);
  }

  got = numbers;
  round_to_even(got, 1, false);
  double squares = 0;
  for (std::size_t at = 0; at < count; ++at) {
    ASSERT_EQ(got[at], std::nearbyint(numbers[at]));
    squares += static_cast<double>(numbers[at]) * numbers[at];
  }
  ASSERT_NEAR(sum_of_squares(std::span<const Number>(numbers)), squares, squares * 1e-12);
}

TEST(FloatKernelsTest, AgreeWithPlainArithmeticOnEveryTarget) {
  const std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  for (std::int64_t rest = targets; rest != 0; rest &= rest - 1) {
    SCOPED_TRACE(hwy::TargetName(rest & -rest));
    hwy::SetSupportedTargetsForTest(rest & -rest);
    for (const std::size_t count : {1U, 2U, 3U, 4U, 7U, 8U, 15U, 16U, 17U, 31U, 1000U}) {
      check_all<float>(count, 2e-7);
      check_all<double>(count, 1e-14);
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace
}  // namespace pyserver
