#include "kernels/row_samples.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>

#include "ops/element.h"

namespace pyserver::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::array kOddFloats = {std::nan(""), kInfinity, -kInfinity, 0.0,   -0.0,    1e-40,   -1e-45,
                                   0.5,          -1.5,      2.5,        255.0, 65504.0, 65520.0, 3e38};

template <typename Draw>
Rows drawn(Datatype datatype, const Shape& shape, std::int64_t count, const Draw& draw) {
  Rows rows{{datatype, shape}, count, {}};
  const auto elements = static_cast<std::size_t>(shape.element_count().value_or(0) * count);
  rows.bytes.resize(elements * size_of(datatype));
  with_element(datatype, [&]<typename Element>(std::type_identity<Element>) {
    for (std::size_t at = 0; at < elements; ++at) {
      if constexpr (std::integral<Element>) {
        store<Element>(rows.bytes.data(), at, static_cast<Element>(draw(std::uint64_t{})));
      } else {
        store<Element>(rows.bytes.data(), at, converted<Element>(draw(double{})));
      }
    }
  });
  return rows;
}

}  // namespace

Rows random_rows(Datatype datatype, const Shape& shape, std::int64_t count, std::uint32_t seed, Odd odd) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0, 4);
  return drawn(datatype, shape, count, [&]<typename Number>(Number) {
    if constexpr (std::integral<Number>) {
      return random();
    } else {
      const double number = datatype == Datatype::kBool ? static_cast<double>(random() % 2) : normal(random);
      return odd == Odd::kSome && random() % 10 == 0 ? kOddFloats[random() % kOddFloats.size()] : number;
    }
  });
}

Rows rows_with_ties(Datatype datatype, const Shape& shape, std::int64_t count, std::uint32_t seed) {
  std::mt19937_64 random(seed);
  return drawn(datatype, shape, count, [&]<typename Number>(Number) { return static_cast<Number>(random() % 5); });
}

std::vector<double> numbers_of(const Rows& rows) {
  std::vector<double> numbers;
  with_element(rows.spec.datatype, [&]<typename Element>(std::type_identity<Element>) {
    for (std::size_t at = 0; at < rows.bytes.size() / sizeof(Element); ++at) {
      numbers.push_back(static_cast<double>(number_of(load<Element>(rows.bytes.data(), at))));
    }
  });
  return numbers;
}

void expect_identical(const Rows& got, const Rows& expected) {
  ASSERT_EQ(to_string(got.spec), to_string(expected.spec));
  ASSERT_EQ(got.bytes.size(), expected.bytes.size());
  const std::vector<double> numbers = numbers_of(got);
  const std::vector<double> wanted = numbers_of(expected);
  const std::size_t element = size_of(got.spec.datatype);
  for (std::size_t at = 0; at < numbers.size(); ++at) {
    if (std::isnan(numbers[at]) && std::isnan(wanted[at])) continue;
    ASSERT_EQ(std::memcmp(got.bytes.data() + at * element, expected.bytes.data() + at * element, element), 0)
        << "element " << at << ": " << numbers[at] << ", expected " << wanted[at];
  }
}

void expect_close(const Rows& got, const Rows& expected, double tolerance) {
  ASSERT_EQ(to_string(got.spec), to_string(expected.spec));
  const std::vector<double> numbers = numbers_of(got);
  const std::vector<double> wanted = numbers_of(expected);
  ASSERT_EQ(numbers.size(), wanted.size());
  for (std::size_t at = 0; at < numbers.size(); ++at) {
    if (std::isnan(wanted[at]) || std::isinf(wanted[at])) {
      ASSERT_TRUE(std::isnan(wanted[at]) ? std::isnan(numbers[at]) : numbers[at] == wanted[at])
          << "element " << at << ": " << numbers[at] << ", expected " << wanted[at];
    } else {
      ASSERT_NEAR(numbers[at], wanted[at], tolerance * std::max(1.0, std::abs(wanted[at]))) << "element " << at;
    }
  }
}

}  // namespace pyserver::testing
