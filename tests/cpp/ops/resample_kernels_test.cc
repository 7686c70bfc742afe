// Every kernel of csrc/ops/resample, with each set of vector instructions that this machine has, against plain C++.
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "ops/resample/transpose.h"
#include "ops/resample/weigh.h"

namespace pyserver {
namespace {

template <typename Number>
std::vector<Number> random_numbers(std::size_t count, int least, int most, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_int_distribution<int> draw(least, most);
  std::vector<Number> numbers(count);
  for (Number& number : numbers) number = static_cast<Number>(draw(engine));
  return numbers;
}

// What kernels are given to weigh, of any types.
template <typename In, typename Weight>
class Weighed {
 public:
  static constexpr std::size_t kTargets = 9;
  static constexpr std::size_t kSources = 12;
  static constexpr std::size_t kMostTaps = 5;

  Weighed(int least, int most, int most_weight, Weight unit, std::size_t most_taps = kMostTaps)
      : source_(random_numbers<In>(kSources * kLongest, least, most, 1)), weights_(kTargets * kMostTaps) {
    const auto drawn = random_numbers<int>(weights_.size(), -most_weight / 4, most_weight, 2);
    for (std::size_t row = 0; row < kTargets; ++row) {
      first_.push_back(static_cast<std::int32_t>(row * (kSources - kMostTaps) / kTargets));
      count_.push_back(static_cast<std::int32_t>(1 + row % most_taps));
      for (std::size_t tap = 0; tap < static_cast<std::size_t>(count_.back()); ++tap) {
        weights_[row * kMostTaps + tap] = static_cast<Weight>(drawn[row * kMostTaps + tap]) * unit;
      }
    }
  }

  Taps<Weight> taps() { return {kTargets, kMostTaps, first_.data(), count_.data(), weights_.data()}; }

  // The rows of every length around a vector's, by `weigh`.
  template <typename Out>
  std::vector<std::vector<Out>> rows(void (*weigh)(const Weighing<In, Out, Weight>&)) {
    std::vector<std::vector<Out>> all;
    for (std::size_t length = 1; length <= kLongest; length += length < 70 ? 1 : 13) {
      std::vector<Out> out(kTargets * length);
      weigh({source_.data(), length, out.data(), length, length, taps()});
      all.push_back(std::move(out));
    }
    return all;
  }

  // Three lines of pixels, by the kernel for lines and by the plain one for rows.
  template <typename Out>
  void expect_same_lines(void (*plain)(const Weighing<In, Out, Weight>&)) {
    for (const std::size_t channels : {3, 4}) {
      const std::size_t stride = kSources * channels;
      const std::vector<std::int32_t> rows{2, 0, 1};
      std::vector<In> source(source_.begin(), source_.begin() + static_cast<std::ptrdiff_t>(3 * stride));
      std::vector<Out> expected(3 * kTargets * channels);
      std::vector<Out> got(expected.size());
      for (std::size_t row = 0; row < 3; ++row) {
        plain({source.data() + static_cast<std::size_t>(rows[row]) * stride, channels,
               expected.data() + row * kTargets * channels, channels, channels, taps()});
      }
      weigh_lines(LineWeighing<In, Out, Weight>{source.data(), stride, kSources, rows.data(), got.data(),
                                                kTargets * channels, 3, channels, taps()});
      EXPECT_EQ(std::memcmp(got.data(), expected.data(), got.size() * sizeof(Out)), 0) << channels << " channels";
    }
  }

 private:
  static constexpr std::size_t kLongest = 150;
  std::vector<In> source_;
  std::vector<Weight> weights_;
  std::vector<std::int32_t> first_;
  std::vector<std::int32_t> count_;
};

// Runs each test with one set of instructions only.
class ResampleKernelsTest : public testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

TEST_P(ResampleKernelsTest, WeighRowsAsPlainCodeDoes) {
  Weighed<Byte, std::int32_t> pillow(0, 255, 1 << 21, 1);
  EXPECT_EQ(pillow.rows(weigh_pillow_bytes), pillow.rows(plain::weigh_pillow_bytes));
  Weighed<float, double> floats(-1000, 1000, 1 << 20, 1.0 / (1 << 20) / 3);
  EXPECT_EQ(floats.rows(weigh_floats), floats.rows(plain::weigh_floats));
  Weighed<Byte, std::int32_t> bytes(0, 255, 2048, 1);
  EXPECT_EQ(bytes.rows(weigh_bytes_to_sums), bytes.rows(plain::weigh_bytes_to_sums));
  Weighed<std::int32_t, std::int32_t> sums(-100000, 522240, 1024, 1);
  EXPECT_EQ(sums.rows(weigh_linear_sums), sums.rows(plain::weigh_linear_sums));
  EXPECT_EQ(sums.rows(weigh_sums), sums.rows(plain::weigh_sums));
  Weighed<Byte, float> parts(0, 255, 1000, 1.F / 1000);
  EXPECT_EQ(parts.rows(weigh_bytes_to_floats), parts.rows(plain::weigh_bytes_to_floats));
  Weighed<float, float> whole(-20, 300, 1000, 1.F / 1000);
  EXPECT_EQ(whole.rows(weigh_floats_to_bytes), whole.rows(plain::weigh_floats_to_bytes));
  EXPECT_EQ(whole.rows(weigh_sums_of_floats), whole.rows(plain::weigh_sums_of_floats));
}

TEST_P(ResampleKernelsTest, WeighLinesAsPlainCodeDoes) {
  Weighed<float, double>(-1000, 1000, 1 << 20, 1.0 / (1 << 20) / 3).expect_same_lines(plain::weigh_floats);
  for (const std::size_t most_taps : {2, 3, 4, 5}) {
    Weighed<Byte, std::int32_t>(0, 255, 2048, 1, most_taps).expect_same_lines(plain::weigh_bytes_to_sums);
  }
  Weighed<Byte, float>(0, 255, 1000, 1.F / 1000).expect_same_lines(plain::weigh_bytes_to_floats);
}

template <typename Element>
void expect_turned_and_back() {
  for (const std::size_t count : {1, 3, 4, 15, 16, 17, 40}) {
    const auto rows = random_numbers<Element>(kStripRows * count, 0, 200, 3);
    std::vector<const Element*> from;
    for (std::size_t row = 0; row < kStripRows; ++row) from.push_back(rows.data() + row * count);
    std::vector<Element> strip(rows.size());
    rows_to_strip(from.data(), count, strip.data());
    for (std::size_t row = 0; row < kStripRows; ++row) {
      for (std::size_t at = 0; at < count; ++at) ASSERT_EQ(strip[at * kStripRows + row], from[row][at]);
    }
    for (const std::size_t wanted : {1, 4, 7, 16}) {
      std::vector<Element> back(rows.size(), Element{201});
      std::vector<Element*> to;
      for (std::size_t row = 0; row < kStripRows; ++row) to.push_back(back.data() + row * count);
      strip_to_rows(strip.data(), count, to.data(), wanted);
      const auto end = static_cast<std::ptrdiff_t>(wanted * count);
      EXPECT_TRUE(std::equal(back.begin(), back.begin() + end, rows.begin()));
      EXPECT_TRUE(std::all_of(back.begin() + end, back.end(), [](Element element) { return element == 201; }));
    }
  }
}

TEST_P(ResampleKernelsTest, TurnStripsAndBack) {
  expect_turned_and_back<std::uint8_t>();
  expect_turned_and_back<float>();
}

std::vector<std::int64_t> targets() {
  std::vector<std::int64_t> all;
  for (std::int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) all.push_back(left & -left);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Targets, ResampleKernelsTest, testing::ValuesIn(targets()),
                         [](const auto& test) { return std::string(hwy::TargetName(test.param)); });

}  // namespace
}  // namespace pyserver
