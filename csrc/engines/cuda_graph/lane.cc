#include "engines/cuda_graph/lane.h"

#include <utility>

namespace pyserver {

Lane::Lane(int number_of_instance, int number, std::shared_ptr<InstanceStreams> of_instance, LaneBuffers memory,
           DeviceOps beside, const GraphModel& model, BatchEvents points)
    : instance(number_of_instance),
      index(number),
      streams(std::move(of_instance)),
      buffers(std::move(memory)),
      ops(std::move(beside)),
      graphs(model),
      events(std::move(points)) {}

Result<std::unique_ptr<Lane>> Lane::create(int instance, int index, std::shared_ptr<InstanceStreams> streams,
                                           cuda::DevicePool& memory, const GraphModel& model,
                                           const CudaGraphOptions& options) {
  auto buffers = LaneBuffers::create(memory, model);
  if (!buffers.ok()) return std::move(buffers).status();
  auto ops = DeviceOps::create(memory, options, *buffers, model.buckets().largest());
  if (!ops.ok()) return std::move(ops).status();
  auto events = BatchEvents::create(memory.device());
  if (!events.ok()) return std::move(events).status();
  return std::unique_ptr<Lane>(
      new Lane(instance, index, std::move(streams), *std::move(buffers), *std::move(ops), model, *std::move(events)));
}

}  // namespace pyserver
