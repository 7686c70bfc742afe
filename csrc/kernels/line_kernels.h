// Kernels of the ops that look along lines: argmax, l2_normalize, softmax, top_k.
#pragma once

#include <optional>

#include "kernels/planned_kernel.h"
#include "ops/op_description.h"

namespace pyserver::kernels {

// Nothing where the op is none of them, or has no kernel: top_k of more than 128. `output` is what the kernel gives.
std::optional<PlannedKernel> line_kernel(const OpDescription& op, const RowSpec& input, const RowSpec& output);

// What comes out of the kernel of top_k: FP64 [..., k, 2].
RowSpec candidates_of(const TopKDescription& op, const RowSpec& input);

}  // namespace pyserver::kernels
