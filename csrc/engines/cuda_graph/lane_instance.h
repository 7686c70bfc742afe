// LaneInstance: executes batches on one lane: copies in, one launch of a graph, copies out, each on its own stream and
// in order by events; its thread then sleeps until the driver wakes it. Nothing on the way waits for the device, and
// nothing needs Python, unless a batch has no graph.
#pragma once

#include <vector>

#include "engines/cuda_graph/graph_resources.h"
#include "engines/cuda_graph/input_copies.h"
#include "engines/cuda_graph/output_block.h"
#include "inference/engine.h"

namespace pyserver {

class LaneInstance final : public EngineInstance {
 public:
  // Both must outlive the instance. Gives the lane back at its end.
  LaneInstance(GraphResources& resources, Lane& lane);
  ~LaneInstance() override;
  LaneInstance(const LaneInstance&) = delete;
  LaneInstance& operator=(const LaneInstance&) = delete;

  bool gathers() const noexcept override { return true; }
  Status execute(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) override;
  // FAILED_PRECONDITION where there is no graph for the batch and nothing may execute it without one. INTERNAL where
  // the device fails, and UNAVAILABLE for ever after where it does not recover.
  Status execute_scattered(std::span<const ScatteredTensor> inputs, std::vector<TensorView>& outputs) override;
  std::shared_ptr<const void> share_outputs() override { return output_block_.share(); }

 private:
  Status allow_uncaptured(std::int64_t rows) const;
  Status enqueue(std::span<const ScatteredTensor> inputs, std::int64_t rows, CapturedGraph* graph);
  Status copy_in(std::span<const ScatteredTensor> inputs, std::int64_t rows, std::int64_t bucket);
  Status compute(std::int64_t rows, CapturedGraph* graph);
  Status launch(std::int64_t rows, CapturedGraph* graph);
  Status copy_out();
  Status reserve_outputs(std::int64_t rows);
  // Returns when the batch is done, or the device has failed.
  Status await();
  // After a call failed: what was enqueued may still read the requests' memory, so it is waited for. Where that fails,
  // too, the device is lost.
  Status recover(Status failure);
  void count(std::int64_t rows, const CapturedGraph* graph);
  void give_outputs(std::int64_t rows, std::vector<TensorView>& outputs);

  GraphResources& resources_;
  Lane& lane_;
  InputCopies input_copies_;
  OutputBlock output_block_;
  // Of the batch at work; members for the sake of their memory.
  GraphModel::Shapes input_shapes_;
  GraphModel::Shapes output_shapes_;
  std::vector<std::size_t> output_sizes_;
};

}  // namespace pyserver
