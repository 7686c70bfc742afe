// Lane: all that one batch on its way through an instance needs for itself: device buffers, the graphs that read and
// write them, events, and the signal that wakes its thread. While one lane's batch executes, another's is copied.
//
// A lane executes one batch at a time: its buffers are used again only when its own last batch is done.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "engines/cuda_graph/batch_events.h"
#include "engines/cuda_graph/device_ops.h"
#include "engines/cuda_graph/graph_table.h"
#include "engines/cuda_graph/host_signal.h"
#include "engines/cuda_graph/instance_streams.h"
#include "engines/cuda_graph/lane_buffers.h"

namespace pyserver {

// Executes batches that have no graph: enqueues on the instance's compute stream what reads the lane's inputs, of so
// many rows and of these shapes, and writes its outputs. Returns the shapes of the outputs that have free dimensions.
using UncapturedExecution = std::function<Result<ShapesByName>(std::int64_t rows, const GraphModel::Shapes& shapes)>;

// Members are destroyed from the last to the first: graphs before the memory that they use.
struct Lane {
  // `model` is of what requests see, `options` of the model itself. `model` must outlive the lane. RESOURCE_EXHAUSTED
  // where the device has no memory for it.
  static Result<std::unique_ptr<Lane>> create(int instance, int index, std::shared_ptr<InstanceStreams> streams,
                                              cuda::DevicePool& memory, const GraphModel& model,
                                              const CudaGraphOptions& options);

  const int instance;
  const int index;  // within the instance
  const std::shared_ptr<InstanceStreams> streams;
  const LaneBuffers buffers;  // what is copied in and out
  const DeviceOps ops;        // between these and the model
  GraphTable graphs;
  BatchEvents events;
  HostSignal done;
  UncapturedExecution uncaptured;    // may be empty
  std::atomic<bool> in_use = false;  // an EngineInstance has it

 private:
  Lane(int number_of_instance, int number, std::shared_ptr<InstanceStreams> of_instance, LaneBuffers memory,
       DeviceOps beside, const GraphModel& model, BatchEvents points);
};

}  // namespace pyserver
