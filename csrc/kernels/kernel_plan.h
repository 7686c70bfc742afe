// Which kernels do what a chain of ops does.
//
// Ops that look at one element at a time become one kernel, however many they are: cast, dequantize, layout, normalize,
// sigmoid, threshold, to_tensor. Each of argmax, l2_normalize, resize, softmax and top_k has kernels of its own.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kernels/planned_kernel.h"
#include "ops/op.h"

namespace pyserver::kernels {

// Whether there is a kernel for the op of this name. A row's datatype and shape may still be none that it takes.
bool has_kernel(std::string_view op) noexcept;

// The kernels that make `input` what the ops make of it, one after another; at least one. After top_k, which must be
// the last, come FP64 [..., k, 2]: a number and its index.
//
// INVALID_ARGUMENT, naming the op and its place, where an op does not take what the one before it gives.
// FAILED_PRECONDITION where one has no kernel for that, or the shape is not fixed, or a row has no elements or 2^31 or
// more.
Result<std::vector<PlannedKernel>> plan_kernels(std::span<const std::unique_ptr<Op>> ops, const RowSpec& input);

}  // namespace pyserver::kernels
