// resize: what its kernels give, against the op of the CPU, whose arithmetic is that of Pillow and OpenCV.
#include <gtest/gtest.h>

#include "kernels/host_kernels.h"
#include "kernels/row_samples.h"

namespace pyserver::testing {
namespace {

using List = std::vector<double>;

struct ResizeCase {
  Shape from;
  List to;  // [height, width]
};

// Smaller, larger, one side only, by whole factors, by two, from and to a single pixel; so much lower that columns come
// first.
const std::vector<ResizeCase> kSizes = {
    {{37, 29, 3}, {11, 13}}, {{5, 7, 3}, {12, 9}},  {{9, 14, 1}, {9, 5}},   {{30, 8, 4}, {7, 8}}, {{24, 30, 3}, {8, 10}},
    {{16, 12, 3}, {8, 6}},   {{1, 1, 3}, {4, 5}},   {{13, 17, 3}, {1, 1}},  {{90, 10, 3}, {9, 8}}, {{6, 6, 3}, {6, 6}},
};

class ResizeKernels : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(ResizeKernels, AreTheCpusToTheLastBit) {
  const auto [like, filter] = GetParam();
  for (const Datatype datatype : {Datatype::kUint8, Datatype::kFp32}) {
    for (const auto& [from, to] : kSizes) {
      SCOPED_TRACE(to_string(from) + " " + std::string(name_of(datatype)));
      const NamedOp op{"resize", {{"size", to}, {"like", std::string(like)}, {"filter", std::string(filter)}}};
      const Rows rows = random_rows(datatype, from, 4, 1);
      expect_identical(run_kernels({op}, rows), run_ops({op}, rows));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllFilters, ResizeKernels,
                         ::testing::Values(std::tuple{"pillow", "bilinear"}, std::tuple{"pillow", "bicubic"},
                                           std::tuple{"pillow", "lanczos"}, std::tuple{"pillow", "nearest"},
                                           std::tuple{"pillow_12", "area"}, std::tuple{"opencv", "bilinear"},
                                           std::tuple{"opencv", "bicubic"}, std::tuple{"opencv", "area"},
                                           std::tuple{"opencv", "nearest"}),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param)) + "_" + std::get<1>(test.param);
                         });

TEST(ResizeKernelsInAChain, APictureIsResizedAndThenMadePlanes) {
  const std::vector<NamedOp> ops = {{"resize", {{"size", List{12, 16}}}},
                                    {"normalize", {{"mean", List{1, 2, 3}}, {"scale", 0.5}}},
                                    {"layout"},
                                    {"cast", {{"to", std::string("FP16")}}}};
  const Rows rows = random_rows(Datatype::kUint8, {40, 30, 3}, 3, 2);
  EXPECT_EQ(kernel_names(ops, rows.spec), (std::vector<std::string>{"resize", "resize", "pixels"}));
  expect_identical(run_kernels(ops, rows), run_ops(ops, rows));
}

}  // namespace
}  // namespace pyserver::testing
