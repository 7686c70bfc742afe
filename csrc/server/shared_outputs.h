// Outputs that a request wants in shared memory instead of the answer.
#pragma once

#include <span>

#include "base/status.h"
#include "inference/request.h"
#include "tensor/tensor_view.h"

namespace pyserver {

// Writes those of `outputs` (in the order of `request.wanted_outputs`) that have a place in `request.output_places` to
// it. INVALID_ARGUMENT, naming the output, what it takes and what was given, where a place is too small: then nothing
// has been written.
Status write_shared_outputs(const Request& request, std::span<const TensorView> outputs);

}  // namespace pyserver
