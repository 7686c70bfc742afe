// DeviceOps: the ops that a lane executes beside its model, and the memory between them and the model. Captured with
// the model, they are nodes of the same graph.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/status.h"
#include "cuda/device_memory.h"
#include "cuda/graph.h"
#include "engines/cuda_graph/cuda_graph_options.h"
#include "engines/cuda_graph/lane_buffers.h"

namespace pyserver {

// The options of an engine whose requests bring what goes into the chains, and get what comes out of them.
// INVALID_ARGUMENT, naming the tensor, where a chain does not fit the model's.
Result<CudaGraphOptions> with_chains_outside(const CudaGraphOptions& model);

class DeviceOps {
 public:
  // For up to `rows` rows. `outside` are the lane's own buffers, of the signature that requests see; must outlive this.
  static Result<DeviceOps> create(cuda::DevicePool& pool, const CudaGraphOptions& model, const LaneBuffers& outside,
                                  std::int64_t rows);

  bool empty() const noexcept { return before_.empty() && after_.empty(); }
  // What the model itself reads and writes.
  CUdeviceptr model_input(std::size_t index) const noexcept { return inputs_[index]; }
  CUdeviceptr model_output(std::size_t index) const noexcept { return outputs_[index]; }

  // The inputs' shapes as the model sees them.
  GraphModel::Shapes model_shapes(GraphModel::Shapes outside) const;
  // Leaves out the outputs that chains take.
  void drop_taken(ShapesByName& outputs) const;

  Status enqueue_before(cuda::Stream& stream, std::int64_t rows) const { return enqueue(before_, stream, rows); }
  Status enqueue_after(cuda::Stream& stream, std::int64_t rows) const { return enqueue(after_, stream, rows); }

 private:
  struct Chain {
    std::string tensor;
    std::size_t index = 0;  // of the tensor
    std::shared_ptr<const kernels::DeviceChain> chain;
    CUdeviceptr from = 0;
    CUdeviceptr to = 0;
  };

  DeviceOps() = default;
  Result<CUdeviceptr> take(cuda::DevicePool& pool, std::size_t row_bytes, std::int64_t rows);
  Status enqueue(const std::vector<Chain>& chains, cuda::Stream& stream, std::int64_t rows) const;

  std::vector<Chain> before_;
  std::vector<Chain> after_;
  std::vector<CUdeviceptr> inputs_;
  std::vector<CUdeviceptr> outputs_;
  std::vector<cuda::DeviceBuffer> buffers_;
  // Of one chain at a time.
  cuda::DeviceBuffer scratch_;
};

}  // namespace pyserver
