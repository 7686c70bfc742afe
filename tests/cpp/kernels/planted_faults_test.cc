// What a kernel does wrong is seen where it runs on the host.
#include <gtest/gtest.h>

#include "kernels/host_kernels.h"
#include "kernels/row_samples.h"

namespace pyserver::testing {
namespace {

// Every thread of a block of 64 looks at one element of a row of 64.
kernels::PlannedKernel planted(const std::string& body) {
  const RowSpec row{Datatype::kInt32, {64}};
  return {"planted",
          "extern \"C\" __global__ void device_op(const int* in, int* out, long long rows) {\n"
          "  __shared__ int taken[64];\n  const unsigned at = threadIdx.x;\n" +
              body + "\n}\n",
          64,
          1,
          row,
          row};
}

Rows reversed(const Rows& rows) {
  Rows made = rows;
  for (std::size_t at = 0; at < rows.bytes.size(); ++at) {
    made.bytes[at] = rows.bytes[rows.bytes.size() - 4 * (at / 4 + 1) + at % 4];
  }
  return made;
}

TEST(PlantedFaults, AMissingBarrierChangesWhatComesOut) {
  const Rows rows = random_rows(Datatype::kInt32, {64}, 1, 1);
  const auto good = planted("taken[at] = in[at]; __syncthreads(); out[at] = taken[63 - at];");
  expect_identical(run_planned({good}, rows), reversed(rows));
  const auto bad = planted("taken[at] = in[at]; out[at] = taken[63 - at];");
  EXPECT_NE(run_planned({bad}, rows).bytes, reversed(rows).bytes);
}

TEST(PlantedFaultsDeathTest, AnAccessBeyondTheRowsEndsTheProcess) {
  const Rows rows = random_rows(Datatype::kInt32, {64}, 1, 1);
  EXPECT_DEATH(run_planned({planted("out[at] = in[at + 1];")}, rows), "");
  EXPECT_DEATH(run_planned({planted("out[at + 1] = in[at];")}, rows), "");
}

TEST(PlantedFaultsDeathTest, ABarrierThatNotAllThreadsReachEndsTheProcess) {
  const Rows rows = random_rows(Datatype::kInt32, {64}, 1, 1);
  EXPECT_DEATH(run_planned({planted("if (at < 9) return; __syncthreads(); out[at] = in[at];")}, rows),
               "9 threads of a block have ended, 55 wait for them in __syncthreads()");
}

}  // namespace
}  // namespace pyserver::testing
