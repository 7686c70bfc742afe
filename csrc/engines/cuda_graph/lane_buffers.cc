#include "engines/cuda_graph/lane_buffers.h"

#include <algorithm>
#include <utility>

namespace pyserver {
namespace {

Status take(cuda::DevicePool& pool, std::size_t bytes, std::vector<cuda::DeviceBuffer>& buffers) {
  auto buffer = pool.take(std::max<std::size_t>(1, bytes));  // also a tensor without elements has an address
  if (!buffer.ok()) return std::move(buffer).status();
  buffers.push_back(*std::move(buffer));
  return {};
}

}  // namespace

Result<LaneBuffers> LaneBuffers::create(cuda::DevicePool& pool, const GraphModel& model) {
  LaneBuffers buffers;
  for (std::size_t input = 0; input < model.signature().inputs.size(); ++input) {
    PYSERVER_RETURN_IF_ERROR(take(pool, model.input_capacity(input), buffers.inputs_));
  }
  for (std::size_t output = 0; output < model.signature().outputs.size(); ++output) {
    PYSERVER_RETURN_IF_ERROR(take(pool, model.output_capacity(output), buffers.outputs_));
  }
  return buffers;
}

}  // namespace pyserver
