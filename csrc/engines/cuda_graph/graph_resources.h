// GraphResources: what an engine of captured graphs owns and its lanes share. The builder fills it, the engine keeps
// it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cuda/device.h"
#include "cuda/device_memory.h"
#include "cuda/pinned_allocator.h"
#include "engines/cuda_graph/device_health.h"
#include "engines/cuda_graph/graph_counters.h"
#include "engines/cuda_graph/graph_model.h"
#include "engines/cuda_graph/lane.h"
#include "memory/buffer_pool.h"

namespace pyserver {

// Where an engine gets its memory from.
struct GraphMemory {
  std::shared_ptr<const cuda::Device> device;
  std::shared_ptr<BufferPool> pool;               // for outputs
  const cuda::PinnedAllocator* pinned = nullptr;  // the pool's; must outlive the engine
};

// Members are destroyed from the last to the first: lanes before the streams and the memory.
struct GraphResources {
  // Makes the streams and the lanes. RESOURCE_EXHAUSTED says how much device memory all lanes want.
  static Result<std::unique_ptr<GraphResources>> create(GraphMemory memory, const CudaGraphOptions& options);
  // Waits until the device has done what was enqueued.
  ~GraphResources();

  const GraphMemory memory;
  const std::string engine;
  const bool strict_graphs;
  const GraphModel model;
  const std::shared_ptr<cuda::DevicePool> device_memory;
  GraphCounters counters;
  DeviceHealth health;
  std::vector<std::shared_ptr<InstanceStreams>> instances;
  std::vector<std::unique_ptr<Lane>> lanes;

 private:
  GraphResources(GraphMemory from, const CudaGraphOptions& options, GraphModel of_model);
  Status make_lanes(const CudaGraphOptions& options);
};

}  // namespace pyserver
