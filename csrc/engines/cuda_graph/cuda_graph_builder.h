// CudaGraphBuilder: makes an engine of captured graphs. It makes streams and lanes; whoever loads the model then
// records one graph a lane, bucket and profile, or says what executes batches without one; build() makes the engine.
//
// Not thread-safe.
#pragma once

#include <functional>
#include <memory>

#include "engines/cuda_graph/graph_resources.h"
#include "inference/engine.h"

namespace pyserver {

class CudaGraphBuilder {
 public:
  // Enqueues the model's work on the compute stream of the lane's instance.
  using Enqueue = std::function<Status()>;

  // Which graph: of a bucket of so many rows, and of a profile.
  struct Place {
    std::size_t lane = 0;
    std::int64_t rows = 0;
    std::size_t profile = 0;
  };

  static Result<CudaGraphBuilder> create(GraphMemory memory, const CudaGraphOptions& options);

  // Ops that are captured with the model, before and after it, by the names of its inputs and outputs. Must come before
  // anything is recorded, and before a lane is asked for: all lanes are made anew, beside those that there are. Where
  // it fails, or there are no chains and were none, nothing has changed. INVALID_ARGUMENT where a chain does not fit
  // the model's tensor.
  Status set_preprocess(DeviceChains chains);
  Status set_postprocess(DeviceChains chains);

  // What requests see: in place of what chains make, what goes into them.
  const GraphModel& model() const noexcept { return resources_->model; }
  // The model alone.
  const ModelSignature& model_signature() const noexcept { return options_.signature; }
  std::size_t lane_count() const noexcept { return resources_->lanes.size(); }
  Lane& lane(std::size_t index) noexcept { return *resources_->lanes[index]; }
  // False once build() succeeded: nothing else may be called then.
  bool usable() const noexcept { return resources_ != nullptr; }

  // Captures what `enqueue` enqueues. `output_shapes` are of the outputs that have free dimensions. `owner` keeps what
  // the graph uses beside the lane's buffers. Where it fails, the lane is as it was.
  Status record(Place place, const Enqueue& enqueue, const ShapesByName& output_shapes,
                std::shared_ptr<const void> owner);
  // Likewise, with a copy of a graph that somebody else captured.
  Status adopt(Place place, CUgraph graph, const ShapesByName& output_shapes, std::shared_ptr<const void> owner);
  // What executes the batches of `lane` that have no graph.
  Status run_uncaptured(std::size_t lane, UncapturedExecution execution);

  // FAILED_PRECONDITION where a lane lacks a graph that another has, or can execute nothing.
  Result<std::unique_ptr<Engine>> build();

 private:
  CudaGraphBuilder(std::unique_ptr<GraphResources> resources, const CudaGraphOptions& options)
      : resources_(std::move(resources)), options_(options) {}

  Status make_anew(CudaGraphOptions options);
  // The shapes that the model gives for its own outputs, without those that chains take.
  ShapesByName outside(ShapesByName output_shapes) const;

  Status check_place(const Place& place) const;
  Status add(const Place& place, const cuda::Graph& graph, GraphModel::Shapes output_shapes,
             std::shared_ptr<const void> owner);
  Status check_complete() const;

  std::unique_ptr<GraphResources> resources_;
  CudaGraphOptions options_;  // as of the model alone
};

}  // namespace pyserver
