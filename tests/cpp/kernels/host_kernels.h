// Kernels that the double of NVRTC has compiled for the host, run in memory that ends where nobody may touch it; and
// what the ops of the CPU make of the same rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/planned_kernel.h"
#include "ops/op.h"
#include "ops/op_options.h"

namespace pyserver::testing {

struct NamedOp {
  std::string name;
  std::map<std::string, OpOptions::Value, std::less<>> options = {};
};

std::vector<std::unique_ptr<Op>> make_ops(const std::vector<NamedOp>& ops);

// A row on the device may begin anywhere that is a multiple of its element, and so do the rows of a batch.
struct Rows {
  RowSpec spec;
  std::int64_t count = 0;
  std::vector<std::byte> bytes;
};

// What these kernels make of the rows, one after another.
Rows run_planned(const std::vector<kernels::PlannedKernel>& planned, const Rows& rows);
// What the kernels for these ops make of the rows. Fails the test where there is none, or one does not compile.
Rows run_kernels(const std::vector<NamedOp>& ops, const Rows& rows);
// What the CPU's ops make of them; not of ops that give texts.
Rows run_ops(const std::vector<NamedOp>& ops, const Rows& rows);
// How many kernels there are for the ops.
std::vector<std::string> kernel_names(const std::vector<NamedOp>& ops, const RowSpec& input);

}  // namespace pyserver::testing
