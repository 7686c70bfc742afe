// Kernels of resize: the tables are computed here, as constants of the kernels.
#pragma once

#include <optional>
#include <vector>

#include "kernels/planned_kernel.h"
#include "ops/resample/resample.h"

namespace pyserver::kernels {

// None where the picture stays as it is. Nothing where the tables are too large for constants.
std::optional<std::vector<PlannedKernel>> resize_kernels(const Resampling& resampling, const RowSpec& input);

}  // namespace pyserver::kernels
