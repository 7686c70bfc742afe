// Ops that look at one element at a time: what their kernels give, against the ops of the CPU.
#include <gtest/gtest.h>

#include "kernels/host_kernels.h"
#include "kernels/row_samples.h"

namespace pyserver::testing {
namespace {

using List = std::vector<double>;
using namespace std::string_literals;

NamedOp imagenet() {
  return {"normalize", {{"mean", List{0.485, 0.456, 0.406}}, {"std", List{0.229, 0.224, 0.225}}, {"scale", "1/255"s}}};
}

struct PictureCase {
  std::vector<NamedOp> ops;
  std::vector<std::string> kernels;
};

TEST(ElementKernels, APictureOfBytesBecomesPlanesOfFloatsInOneKernelToTheLastBit) {
  const std::vector<PictureCase> cases = {
      {{imagenet(), {"layout"}}, {"pixels"}},
      {{{"layout"}, {"normalize", {{"mean", List{1, 2, 3}}, {"std", List{4, 5, 6}}, {"channels", "first"s}}}},
       {"pixels"}},
      {{{"to_tensor"}}, {"pixels"}},
      {{imagenet(), {"layout"}, {"cast", {{"to", "FP16"s}}}}, {"pixels"}},
      {{imagenet(), {"cast", {{"to", "BF16"s}}}, {"layout"}}, {"pixels"}},
      {{imagenet()}, {"elements"}},
      {{{"to_tensor"}, {"normalize", {{"mean", 0.5}, {"std", 0.25}}}}, {"pixels"}},
  };
  for (const auto& [ops, names] : cases) {
    // Sides that are whole packs of pixels, and such that are not.
    for (const Shape& shape : {Shape{8, 12, 3}, Shape{5, 7, 3}, Shape{1, 1, 3}}) {
      SCOPED_TRACE(ops.front().name + " " + to_string(shape));
      EXPECT_EQ(kernel_names(ops, {Datatype::kUint8, shape}), names);
      const Rows rows = random_rows(Datatype::kUint8, shape, 5, 1);
      expect_identical(run_kernels(ops, rows), run_ops(ops, rows));
    }
  }
}

TEST(ElementKernels, PicturesOfOtherChannelsAndDatatypesMoveToTheLastBit) {
  const std::vector<PictureCase> cases = {
      {{{"layout"}}, {"pixels"}},
      {{{"layout", {{"to", "HWC"s}}}}, {"elements"}},
      {{{"layout"}, {"layout", {{"to", "HWC"s}}}}, {"elements"}},
  };
  for (const auto& [ops, names] : cases) {
    for (const auto& [datatype, shape] : {std::pair{Datatype::kUint8, Shape{4, 5, 1}},
                                          {Datatype::kFp64, Shape{6, 2, 4}},
                                          {Datatype::kFp16, {3, 5, 2}}}) {
      SCOPED_TRACE(to_string(shape));
      EXPECT_EQ(kernel_names(ops, {datatype, shape}), names);
      const Rows rows = random_rows(datatype, shape, 4, 2, Odd::kSome);
      expect_identical(run_kernels(ops, rows), run_ops(ops, rows));
    }
  }
}

TEST(ElementKernels, NumbersAreNormalizedAndCastToTheLastBitWithNanAndInfinities) {
  const NamedOp whole{"normalize", {{"mean", 0.3}, {"std", 0.7}, {"scale", 1.1}}};
  const NamedOp half{"normalize", {{"mean", 0.3}, {"datatype", "FP16"s}}};
  for (const Datatype datatype : {Datatype::kFp32, Datatype::kFp64, Datatype::kFp16, Datatype::kInt64}) {
    for (const std::vector<NamedOp>& ops : {std::vector{whole}, {half}, {whole, {"cast", {{"to", "INT8"s}}}}}) {
      for (const Shape& shape : {Shape{64}, Shape{3, 3}}) {
        const Rows rows = random_rows(datatype, shape, 6, 3, Odd::kSome);
        expect_identical(run_kernels(ops, rows), run_ops(ops, rows));
      }
    }
  }
}

TEST(ElementKernels, RowsOfOneElementAndManyRowsAreAllDone) {
  const std::vector<NamedOp> ops = {{"cast", {{"to", "FP16"s}}}};
  for (const std::int64_t count : {1, 2, 1000}) {
    const Rows rows = random_rows(Datatype::kFp32, {1}, count, 4, Odd::kSome);
    expect_identical(run_kernels(ops, rows), run_ops(ops, rows));
  }
}

TEST(ElementKernels, IntegersAreDequantizedToTheLastBitForAllAlikeOrAlongAnyAxis) {
  const NamedOp alike{"dequantize", {{"scale", 0.0078125}, {"zero_point", std::int64_t{3}}}};
  const NamedOp last{"dequantize", {{"scale", List{0.1, 0.2, 0.3}}, {"zero_point", List{1, 2, 3}}}};
  const NamedOp first{"dequantize", {{"scale", List{0.1, 0.2}}, {"axis", std::int64_t{0}}}};
  for (const Datatype datatype : {Datatype::kInt8, Datatype::kUint16, Datatype::kInt32}) {
    for (const NamedOp& op : {alike, last, first}) {
      const Rows rows = random_rows(datatype, {2, 5, 3}, 3, 5);
      expect_identical(run_kernels({op}, rows), run_ops({op}, rows));
    }
  }
  // Along the channels of a picture that is laid out at the same time.
  const Rows rows = random_rows(Datatype::kUint8, {4, 4, 3}, 2, 6);
  EXPECT_EQ(kernel_names({last, {"layout"}}, rows.spec), std::vector{"pixels"s});
  expect_identical(run_kernels({last, {"layout"}}, rows), run_ops({last, {"layout"}}, rows));
  // Along another axis than that which becomes planes.
  const Rows square = random_rows(Datatype::kUint8, {2, 4, 3}, 2, 6);
  EXPECT_EQ(kernel_names({first, {"layout"}}, square.spec), std::vector{"elements"s});
  expect_identical(run_kernels({first, {"layout"}}, square), run_ops({first, {"layout"}}, square));
}

TEST(ElementKernels, ThresholdsCompareLikeWithLikeToTheLastBit) {
  for (const Datatype datatype : {Datatype::kFp16, Datatype::kFp64, Datatype::kInt64, Datatype::kBool}) {
    for (const double at : {0.5, 1e300}) {
      const Rows rows = random_rows(datatype, {37}, 3, 7, Odd::kSome);
      const NamedOp reaches{"threshold", {{"at", at}}};
      const NamedOp replaced{"threshold", {{"at", at}, {"below", -1.5}}};
      expect_identical(run_kernels({reaches}, rows), run_ops({reaches}, rows));
      expect_identical(run_kernels({replaced}, rows), run_ops({replaced}, rows));
    }
  }
}

TEST(ElementKernels, SigmoidIsTheCpusButForRounding) {
  for (const auto& [datatype, tolerance] :
       {std::pair{Datatype::kFp32, 1e-6}, {Datatype::kFp64, 1e-14}, {Datatype::kFp16, 1e-3}, {Datatype::kBf16, 8e-3}}) {
    const Rows rows = random_rows(datatype, {41}, 3, 8, Odd::kSome);
    expect_close(run_kernels({{"sigmoid"}}, rows), run_ops({{"sigmoid"}}, rows), tolerance);
  }
}

}  // namespace
}  // namespace pyserver::testing
