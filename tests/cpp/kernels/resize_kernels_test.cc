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
    {{37, 29, 3}, {11, 13}}, {{5, 7, 3}, {12, 9}}, {{9, 14, 1}, {9, 5}},  {{30, 8, 4}, {7, 8}},  {{24, 30, 3}, {8, 10}},
    {{16, 12, 3}, {8, 6}},   {{1, 1, 3}, {4, 5}},  {{13, 17, 3}, {1, 1}}, {{90, 10, 3}, {9, 8}}, {{6, 6, 3}, {6, 6}},
};

void expect_the_cpus(const char* like, const char* filter, Datatype datatype, std::span<const ResizeCase> sizes) {
  for (const auto& [from, to] : sizes) {
    SCOPED_TRACE(std::string(like) + " " + filter + " " + to_string(from));
    const NamedOp op{"resize", {{"size", to}, {"like", std::string(like)}, {"filter", std::string(filter)}}};
    const Rows rows = random_rows(datatype, from, 4, 1);
    expect_identical(run_kernels({op}, rows), run_ops({op}, rows));
  }
}

TEST(ResizeKernels, PicturesOfBytesAreTheCpusToTheLastBit) {
  expect_the_cpus("pillow", "bilinear", Datatype::kUint8, kSizes);
  expect_the_cpus("opencv", "bilinear", Datatype::kUint8, kSizes);
  expect_the_cpus("opencv", "area", Datatype::kUint8, kSizes);
}

TEST(ResizeKernels, OtherFiltersOnBytesAreTheCpusToTheLastBit) {
  const auto some = std::span(kSizes).first(3);
  for (const char* const filter : {"bicubic", "lanczos", "nearest"}) {
    expect_the_cpus("pillow", filter, Datatype::kUint8, some);
  }
  expect_the_cpus("pillow_12", "area", Datatype::kUint8, some);
  expect_the_cpus("opencv", "bicubic", Datatype::kUint8, some);
  expect_the_cpus("opencv", "nearest", Datatype::kUint8, some);
}

TEST(ResizeKernels, PicturesOfFloatsAreTheCpusToTheLastBit) {
  const auto some = std::span(kSizes).first(4);
  expect_the_cpus("pillow", "bilinear", Datatype::kFp32, some);
  expect_the_cpus("opencv", "bilinear", Datatype::kFp32, some);
  expect_the_cpus("opencv", "bicubic", Datatype::kFp32, some.first(2));
  expect_the_cpus("opencv", "area", Datatype::kFp32, some.first(2));
  expect_the_cpus("pillow", "nearest", Datatype::kFp32, some.first(2));
}

TEST(ResizeKernels, APictureIsResizedAndThenMadePlanes) {
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
