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

  const GraphModel& model() const noexcept { return resources_->model; }
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
  explicit CudaGraphBuilder(std::unique_ptr<GraphResources> resources) : resources_(std::move(resources)) {}

  Status check_place(const Place& place) const;
  Status add(const Place& place, const cuda::Graph& graph, GraphModel::Shapes output_shapes,
             std::shared_ptr<const void> owner);
  Status check_complete() const;

  std::unique_ptr<GraphResources> resources_;
};

}  // namespace pyserver
