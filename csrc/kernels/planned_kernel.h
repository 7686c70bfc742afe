// PlannedKernel: one kernel for rows of one fixed shape, not yet compiled.
#pragma once

#include <cstdint>
#include <string>

#include "ops/op.h"

namespace pyserver::kernels {

// The function in every source: device_op(const In* in, Out* out, long long rows). Rows lie back to back.
inline constexpr const char* kEntryPoint = "device_op";

struct PlannedKernel {
  std::string name;    // for people: "pixels", "softmax"
  std::string source;  // constants of this row, and one file of source/
  unsigned threads = 1;
  std::uint32_t blocks_a_row = 1;
  RowSpec input;
  RowSpec output;
};

}  // namespace pyserver::kernels
