// Ops that look along lines: what their kernels give, against the ops of the CPU.
#include <gtest/gtest.h>

#include "kernels/host_kernels.h"
#include "kernels/row_samples.h"
#include "memory/allocator.h"
#include "ops/op_chain.h"

namespace pyserver::testing {
namespace {

NamedOp along(const char* name, std::int64_t axis) { return {name, {{"axis", axis}}}; }

struct LineCase {
  Shape shape;
  std::int64_t axis;
};

// Lines of one element, of so few that a thread takes one, of those and more that a block takes one, back to back and
// side by side, one and many.
const std::vector<LineCase> kLines = {{{1}, -1},     {{7, 31}, -1},    {{3, 32}, -1}, {{1000}, 0},
                                      {{2, 257}, 1}, {{5, 3, 300}, 1}, {{40, 9}, 0},  {{2, 6, 2}, -2}};

TEST(LineKernels, ArgmaxIsTheCpusWithTiesAndNan) {
  for (const auto& [shape, axis] : kLines) {
    SCOPED_TRACE(to_string(shape));
    const NamedOp op = along("argmax", axis);
    const Rows ties = rows_with_ties(Datatype::kFp32, shape, 4, 1);
    expect_identical(run_kernels({op}, ties), run_ops({op}, ties));
    const Rows odd = random_rows(Datatype::kFp32, shape, 4, 2, Odd::kSome);
    expect_identical(run_kernels({op}, odd), run_ops({op}, odd));
  }
  for (const Datatype datatype :
       {Datatype::kFp16, Datatype::kFp64, Datatype::kInt64, Datatype::kUint8, Datatype::kBool}) {
    const Rows rows = random_rows(datatype, {2, 90}, 3, 3, Odd::kSome);
    expect_identical(run_kernels({{"argmax"}}, rows), run_ops({{"argmax"}}, rows));
  }
}

TEST(LineKernels, SoftmaxIsTheCpusButForRoundingAndAllNanWhereItIs) {
  for (const auto& [shape, axis] : kLines) {
    SCOPED_TRACE(to_string(shape));
    const NamedOp op = along("softmax", axis);
    const Rows rows = random_rows(Datatype::kFp32, shape, 4, 4);
    expect_close(run_kernels({op}, rows), run_ops({op}, rows), 1e-6);
    const Rows odd = random_rows(Datatype::kFp32, shape, 4, 5, Odd::kSome);
    expect_close(run_kernels({op}, odd), run_ops({op}, odd), 1e-6);
  }
  for (const auto& [datatype, tolerance] :
       {std::pair{Datatype::kFp64, 1e-14}, {Datatype::kFp16, 1e-3}, {Datatype::kBf16, 8e-3}}) {
    const Rows rows = random_rows(datatype, {3, 100}, 3, 6);
    expect_close(run_kernels({{"softmax"}}, rows), run_ops({{"softmax"}}, rows), tolerance);
  }
}

TEST(LineKernels, VectorsOfLengthOneAreTheCpusButForRounding) {
  for (const auto& [shape, axis] : kLines) {
    SCOPED_TRACE(to_string(shape));
    const NamedOp op = along("l2_normalize", axis);
    const Rows rows = random_rows(Datatype::kFp32, shape, 4, 7);
    expect_close(run_kernels({op}, rows), run_ops({op}, rows), 1e-7);
  }
  const Rows odd = random_rows(Datatype::kFp64, {4, 50}, 3, 8, Odd::kSome);
  expect_close(run_kernels({{"l2_normalize"}}, odd), run_ops({{"l2_normalize"}}, odd), 1e-14);
}

std::vector<std::byte> texts(const NamedOp& op, const RowSpec& spec, std::span<const std::byte> row) {
  std::vector<NamedOp> ops = {op};
  auto chain = OpChain::create(make_ops(ops), spec);
  EXPECT_TRUE(chain.ok()) << chain.status().message();
  HostAllocator allocator;
  const auto pool = BufferPool::create(allocator, {});
  ChainContext context(*pool);
  std::vector<std::byte> made;
  EXPECT_TRUE(chain->append_texts({"", spec.datatype, spec.shape, row}, made, context).ok());
  return made;
}

TEST(LineKernels, TheCandidatesOfTopKBecomeTheTextsThatTheCpusTopKGives) {
  for (const Datatype datatype : {Datatype::kFp16, Datatype::kFp32, Datatype::kFp64}) {
    for (const auto& [shape, k] : {std::pair{Shape{3, 1000}, 5}, {Shape{4}, 9}, {Shape{2, 3, 33}, 1}, {{40}, 40}}) {
      SCOPED_TRACE(to_string(shape));
      const NamedOp op{"top_k", {{"k", std::int64_t{k}}}};
      NamedOp rest = op;
      rest.options["of"] = std::string("candidates");
      for (const Rows& rows :
           {rows_with_ties(datatype, shape, 3, 9), random_rows(datatype, shape, 3, 10, Odd::kSome)}) {
        const Rows got = run_kernels({op}, rows);
        const std::size_t in = rows.bytes.size() / 3;
        const std::size_t out = got.bytes.size() / 3;
        for (std::size_t row = 0; row < 3; ++row) {
          EXPECT_EQ(texts(rest, got.spec, std::span(got.bytes).subspan(row * out, out)),
                    texts(op, rows.spec, std::span(rows.bytes).subspan(row * in, in)));
        }
      }
    }
  }
}

}  // namespace
}  // namespace pyserver::testing
