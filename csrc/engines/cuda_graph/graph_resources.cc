#include "engines/cuda_graph/graph_resources.h"

#include <utility>

#include "base/text.h"

namespace pyserver {
namespace {

constexpr int kMostInstances = 64;
constexpr int kMostLanes = 16;

Status check_count(std::string_view what, int count, int most) {
  if (count >= 1 && count <= most) return {};
  return invalid_argument(concat(what, ": expected 1 to ", most, ", got ", count));
}

}  // namespace

GraphResources::GraphResources(GraphMemory from, const CudaGraphOptions& options, GraphModel of_model)
    : memory(std::move(from)),
      engine(options.engine),
      strict_graphs(options.strict_graphs),
      model(std::move(of_model)),
      device_memory(cuda::DevicePool::create(memory.device, options.engine)) {}

Result<std::unique_ptr<GraphResources>> GraphResources::create(GraphMemory memory, const CudaGraphOptions& options) {
  PYSERVER_RETURN_IF_ERROR(check_count("instances", options.instances, kMostInstances));
  PYSERVER_RETURN_IF_ERROR(check_count("lanes", options.lanes, kMostLanes));
  const auto outside = with_chains_outside(options);
  if (!outside.ok()) return outside.status();
  auto model = GraphModel::create(*outside);
  if (!model.ok()) return std::move(model).status();
  std::unique_ptr<GraphResources> resources(new GraphResources(std::move(memory), options, *std::move(model)));
  PYSERVER_RETURN_IF_ERROR(resources->make_lanes(options));
  return resources;
}

Status GraphResources::make_lanes(const CudaGraphOptions& options) {
  const int lanes_each = options.lanes;
  for (int instance = 0; instance < options.instances; ++instance) {
    auto streams = InstanceStreams::create(*memory.device);
    if (!streams.ok()) return std::move(streams).status();
    instances.push_back(*std::move(streams));
  }
  const int count = options.instances * lanes_each;
  for (int lane = 0; lane < count; ++lane) {
    const int instance = lane / lanes_each;
    auto made = Lane::create(instance, lane % lanes_each, instances[static_cast<std::size_t>(instance)], *device_memory,
                             model, options);
    if (!made.ok()) {
      return {made.status().code(),
              concat("inputs and outputs of ", model.buckets().largest(), " rows in ", count,
                     " lanes (instances x lanes) need ", model.lane_bytes(), " bytes each: ", made.status().message())};
    }
    lanes.push_back(*std::move(made));
  }
  return {};
}

GraphResources::~GraphResources() {
  // What a failed device has left undone it will never do; there is nothing to say about it here.
  for (const auto& instance : instances) static_cast<void>(instance->drain().ok());
}

}  // namespace pyserver
