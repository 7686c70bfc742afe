// Which kernels there are for a chain, and what is refused.
#include "kernels/kernel_plan.h"

#include <gtest/gtest.h>

#include "kernels/host_kernels.h"
#include "ops/op_registry.h"

namespace pyserver::kernels {
namespace {

using testing::NamedOp;
using Names = std::vector<std::string>;

Status refusal(const std::vector<NamedOp>& ops, const RowSpec& input) {
  return plan_kernels(testing::make_ops(ops), input).status();
}

TEST(KernelPlan, OpsOnElementsShareAKernelAndOthersHaveTheirOwn) {
  const RowSpec picture{Datatype::kUint8, {8, 8, 3}};
  EXPECT_EQ(testing::kernel_names({{"normalize"}, {"layout"}, {"cast", {{"to", std::string("BF16")}}}}, picture),
            Names{"pixels"});
  const RowSpec scores{Datatype::kFp32, {100}};
  EXPECT_EQ(testing::kernel_names({{"softmax"}, {"threshold", {{"at", 0.5}, {"below", 0.0}}}, {"top_k"}}, scores),
            (Names{"softmax", "elements", "top_k"}));
}

TEST(KernelPlan, AChainThatChangesNothingCopies) {
  EXPECT_EQ(testing::kernel_names({}, {Datatype::kFp32, {4}}), Names{"elements"});
  EXPECT_EQ(testing::kernel_names({{"resize", {{"size", std::int64_t{8}}}}}, {Datatype::kUint8, {8, 8, 3}}),
            Names{"elements"});
}

TEST(KernelPlan, TopKGivesScoresWithTheirIndices) {
  const auto plan = plan_kernels(testing::make_ops({{"top_k", {{"k", std::int64_t{7}}}}}), {Datatype::kFp16, {3, 5}});
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  EXPECT_EQ(plan->back().output, (RowSpec{Datatype::kFp64, {3, 5, 2}}));
}

TEST(KernelPlan, EveryOpWithAKernelIsAnOp) {
  std::size_t count = 0;
  for (const OpEntry& entry : op_entries()) count += has_kernel(entry.name) ? 1 : 0;
  EXPECT_EQ(count, 12U);
  EXPECT_FALSE(has_kernel("decode_image"));
  EXPECT_FALSE(has_kernel("no such op"));
}

TEST(KernelPlan, RefusesWhatHasNoKernelWithTheOpsPlace) {
  EXPECT_EQ(refusal({{"normalize"}, {"round"}}, {Datatype::kFp32, {4}}),
            failed_precondition("op 2 (round): there is no kernel for this round of FP32 [4]"));
  EXPECT_EQ(refusal({{"top_k"}}, {Datatype::kInt32, {4}}),
            failed_precondition("op 1 (top_k): there is no kernel for this top_k of INT32 [4]"));
  EXPECT_EQ(refusal({{"top_k", {{"k", std::int64_t{129}}}}}, {Datatype::kFp32, {500}}).code(),
            StatusCode::kFailedPrecondition);
  EXPECT_EQ(refusal({{"resize", {{"size", std::int64_t{60000}}}}}, {Datatype::kUint8, {9, 60000, 1}}).code(),
            StatusCode::kFailedPrecondition);
}

TEST(KernelPlan, RefusesAChainThatDoesNotFit) {
  EXPECT_EQ(
      refusal({{"cast"}, {"to_tensor"}}, {Datatype::kUint8, {4, 4, 3}}),
      invalid_argument("op 2 (to_tensor): expected a picture of UINT8 [height, width, channels], got FP32 [4, 4, 3]"));
}

TEST(KernelPlan, RefusesRowsWithoutAFixedShapeOrElements) {
  for (const Shape& shape : {Shape{-1, 4}, Shape{0, 4}, Shape{1 << 16, 1 << 15}}) {
    EXPECT_EQ(refusal({{"cast"}}, {Datatype::kFp32, shape}),
              failed_precondition("a kernel needs a row of a fixed shape with 1 to 2147483647 elements, got FP32 " +
                                  to_string(shape)));
  }
  EXPECT_EQ(refusal({}, {Datatype::kBytes, {}}), failed_precondition("a kernel takes numbers, got BYTES []"));
}

}  // namespace
}  // namespace pyserver::kernels
