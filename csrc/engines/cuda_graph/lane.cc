#include "engines/cuda_graph/lane.h"

#include <utility>

namespace pyserver {

Lane::Lane(int number_of_instance, int number, std::shared_ptr<InstanceStreams> of_instance, LaneBuffers memory,
           const GraphModel& model, BatchEvents points)
    : instance(number_of_instance),
      index(number),
      streams(std::move(of_instance)),
      buffers(std::move(memory)),
      graphs(model),
      events(std::move(points)) {}

Result<std::unique_ptr<Lane>> Lane::create(int instance, int index, std::shared_ptr<InstanceStreams> streams,
                                           cuda::DevicePool& memory, const GraphModel& model) {
  auto buffers = LaneBuffers::create(memory, model);
  if (!buffers.ok()) return std::move(buffers).status();
  auto events = BatchEvents::create(memory.device());
  if (!events.ok()) return std::move(events).status();
  return std::unique_ptr<Lane>(
      new Lane(instance, index, std::move(streams), *std::move(buffers), model, *std::move(events)));
}

}  // namespace pyserver
