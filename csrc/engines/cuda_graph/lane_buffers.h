// LaneBuffers: the device memory that the graphs of one lane read and write: one block an input and output, large
// enough for the largest bucket and profile. Graphs hold these addresses, so they never change.
#pragma once

#include <vector>

#include "base/status.h"
#include "cuda/device_memory.h"
#include "engines/cuda_graph/graph_model.h"

namespace pyserver {

class LaneBuffers {
 public:
  // RESOURCE_EXHAUSTED where the device has no memory for them.
  static Result<LaneBuffers> create(cuda::DevicePool& pool, const GraphModel& model);

  CUdeviceptr input(std::size_t index) const noexcept { return inputs_[index].address(); }
  CUdeviceptr output(std::size_t index) const noexcept { return outputs_[index].address(); }

 private:
  std::vector<cuda::DeviceBuffer> inputs_;
  std::vector<cuda::DeviceBuffer> outputs_;
};

}  // namespace pyserver
