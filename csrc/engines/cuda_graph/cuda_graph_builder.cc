#include "engines/cuda_graph/cuda_graph_builder.h"

#include <utility>
#include <vector>

#include "base/text.h"
#include "engines/cuda_graph/cuda_graph_engine.h"

namespace pyserver {
namespace {

// With the capture ended in any case: a stream that goes on capturing could never be used again.
Result<cuda::Graph> capture(cuda::Stream& stream, const CudaGraphBuilder::Enqueue& enqueue) {
  PYSERVER_RETURN_IF_ERROR(cuda::begin_capture(stream));
  Status enqueued = enqueue();
  auto graph = cuda::end_capture(stream);
  // What was enqueued wrongly is the reason for whatever the capture says of it.
  if (!enqueued.ok()) return enqueued;
  return graph;
}

// The ops before it, somebody else's graph, and the ops after it.
Result<cuda::Graph> with_ops(Lane& lane, const cuda::Graph& model, std::int64_t rows) {
  cuda::Stream& stream = lane.streams->compute;
  const cuda::ContextScope context(stream.device());
  PYSERVER_RETURN_IF_ERROR(context.status());
  const auto before = capture(stream, [&] { return lane.ops.enqueue_before(stream, rows); });
  if (!before.ok()) return before.status();
  const auto after = capture(stream, [&] { return lane.ops.enqueue_after(stream, rows); });
  if (!after.ok()) return after.status();
  std::vector<const cuda::Graph*> parts;
  for (const cuda::Graph* const part : {&*before, &model, &*after}) {
    const auto nodes = part->node_count();
    if (!nodes.ok()) return nodes.status();
    if (*nodes > 0) parts.push_back(part);
  }
  return cuda::Graph::compose(stream.device(), parts);
}

}  // namespace

Result<CudaGraphBuilder> CudaGraphBuilder::create(GraphMemory memory, const CudaGraphOptions& options) {
  auto resources = GraphResources::create(std::move(memory), options);
  if (!resources.ok()) return std::move(resources).status();
  return CudaGraphBuilder(*std::move(resources), options);
}

Status CudaGraphBuilder::set_preprocess(DeviceChains chains) {
  if (chains.empty() && options_.preprocess.empty()) return {};
  CudaGraphOptions options = options_;
  options.preprocess = std::move(chains);
  return make_anew(std::move(options));
}

Status CudaGraphBuilder::set_postprocess(DeviceChains chains) {
  if (chains.empty() && options_.postprocess.empty()) return {};
  CudaGraphOptions options = options_;
  options.postprocess = std::move(chains);
  return make_anew(std::move(options));
}

Status CudaGraphBuilder::make_anew(CudaGraphOptions options) {
  for (const auto& lane : resources_->lanes) {
    if (lane->graphs.count() != 0 || lane->uncaptured) {
      return failed_precondition("device ops must be told before anything is recorded");
    }
  }
  auto resources = GraphResources::create(resources_->memory, options);
  if (!resources.ok()) return std::move(resources).status();
  resources_ = *std::move(resources);
  options_ = std::move(options);
  return {};
}

ShapesByName CudaGraphBuilder::outside(ShapesByName output_shapes) const {
  for (const auto& [name, chain] : options_.postprocess) output_shapes.erase(name);
  return output_shapes;
}

Status CudaGraphBuilder::check_place(const Place& place) const {
  if (place.lane >= resources_->lanes.size()) {
    return invalid_argument(concat("there are ", resources_->lanes.size(), " lanes, and no lane ", place.lane));
  }
  return resources_->lanes[place.lane]->graphs.check_free(place.rows, place.profile);
}

Status CudaGraphBuilder::record(Place place, const Enqueue& enqueue, const ShapesByName& output_shapes,
                                std::shared_ptr<const void> owner) {
  PYSERVER_RETURN_IF_ERROR(check_place(place));
  auto shapes = resources_->model.complete_outputs(outside(output_shapes), place.rows);
  if (!shapes.ok()) return std::move(shapes).status();
  // What `enqueue` calls finds the device's context current.
  const cuda::ContextScope context(*resources_->memory.device);
  PYSERVER_RETURN_IF_ERROR(context.status());
  cuda::Stream& stream = lane(place.lane).streams->compute;
  const DeviceOps& ops = lane(place.lane).ops;
  const auto graph = capture(stream, [&]() -> Status {
    PYSERVER_RETURN_IF_ERROR(ops.enqueue_before(stream, place.rows));
    PYSERVER_RETURN_IF_ERROR(enqueue());
    return ops.enqueue_after(stream, place.rows);
  });
  if (!graph.ok()) return graph.status();
  return add(place, *graph, *std::move(shapes), std::move(owner));
}

Status CudaGraphBuilder::adopt(Place place, CUgraph graph, const ShapesByName& output_shapes,
                               std::shared_ptr<const void> owner) {
  PYSERVER_RETURN_IF_ERROR(check_place(place));
  if (graph == nullptr) return invalid_argument("expected a graph, got a null pointer");
  auto shapes = resources_->model.complete_outputs(outside(output_shapes), place.rows);
  if (!shapes.ok()) return std::move(shapes).status();
  const cuda::Graph adopted = cuda::Graph::borrowed(*resources_->memory.device, graph);
  if (lane(place.lane).ops.empty()) return add(place, adopted, *std::move(shapes), std::move(owner));
  const auto whole = with_ops(lane(place.lane), adopted, place.rows);
  if (!whole.ok()) return whole.status();
  return add(place, *whole, *std::move(shapes), std::move(owner));
}

Status CudaGraphBuilder::add(const Place& place, const cuda::Graph& graph, GraphModel::Shapes output_shapes,
                             std::shared_ptr<const void> owner) {
  const auto nodes = graph.node_count();
  if (!nodes.ok()) return nodes.status();
  if (*nodes == 0) return failed_precondition("nothing was enqueued on the lane's stream: the graph is empty");
  auto exec = cuda::GraphExec::instantiate(*resources_->memory.device, graph);
  if (!exec.ok()) return std::move(exec).status();
  PYSERVER_RETURN_IF_ERROR(exec->upload(lane(place.lane).streams->compute));
  lane(place.lane)
      .graphs.add(place.profile, {std::move(owner), place.rows, std::move(output_shapes), *std::move(exec)});
  return {};
}

Status CudaGraphBuilder::run_uncaptured(std::size_t index, UncapturedExecution execution) {
  if (index >= resources_->lanes.size()) {
    return invalid_argument(concat("there are ", resources_->lanes.size(), " lanes, and no lane ", index));
  }
  lane(index).uncaptured = std::move(execution);
  return {};
}

Status CudaGraphBuilder::check_complete() const {
  const std::string captured = resources_->lanes.front()->graphs.describe();
  for (const auto& lane : resources_->lanes) {
    const auto refuse = [&lane](std::string_view why) {
      return failed_precondition(concat("lane ", lane->index, " of instance ", lane->instance, " ", why));
    };
    if (lane->graphs.count() == 0 && (resources_->strict_graphs || !lane->uncaptured)) {
      return refuse("has no graph, and nothing that may execute a batch without one");
    }
    if (const std::string own = lane->graphs.describe(); own != captured) {
      return refuse(concat("has graphs for ", own, ", but the first lane has them for ", captured));
    }
  }
  return {};
}

Result<std::unique_ptr<Engine>> CudaGraphBuilder::build() {
  PYSERVER_RETURN_IF_ERROR(check_complete());
  // The graphs are on the device when the first request comes.
  for (const auto& instance : resources_->instances) PYSERVER_RETURN_IF_ERROR(instance->drain());
  return std::unique_ptr<Engine>(std::make_unique<CudaGraphEngine>(std::move(resources_)));
}

}  // namespace pyserver
