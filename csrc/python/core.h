// Core: the composition root of what all models share, as pyserver._core.Core.
#pragma once

#include <memory>

#include "base/clock.h"
#include "cuda/pinned_allocator.h"
#include "memory/buffer_pool.h"
#include "python/completion_queue.h"
#include "server/infer_service.h"
#include "server/model_table.h"
#include "server/server_state.h"
#include "shared_memory/cuda/cuda_importer.h"
#include "shared_memory/region_table.h"

namespace pyserver {

// Members are destroyed from the last to the first: whatever uses another stands behind it.
struct Core {
  Core(BufferPoolLimits limits, cuda::PinnedLimits pinned, bool allow_client_shm)
      : allocator(pinned),
        pool(BufferPool::create(allocator, limits)),
        importer(allow_client_shm ? make_cuda_importer() : nullptr),
        regions(allow_client_shm ? std::make_unique<RegionTable>(importer.get()) : nullptr) {}

  SteadyClock clock;
  cuda::PinnedAllocator allocator;  // of ordinary memory until a model wants a GPU
  std::shared_ptr<BufferPool> pool;
  CompletionQueue completions;
  // Opens clients' CUDA memory; null where there is no GPU, or no need.
  std::unique_ptr<DeviceMemoryImporter> importer;
  // Clients' shared memory; null where they must not use any.
  std::unique_ptr<RegionTable> regions;
  ModelTable models;
  ServerState state;
  InferService service{models, *pool, clock, regions.get()};
};

// pyserver._core.ModelRuntime. A runtime must be stopped before it goes; Python may forget to.
struct RuntimeHolder {
  std::shared_ptr<ModelRuntime> runtime;
  explicit RuntimeHolder(std::shared_ptr<ModelRuntime> owned) : runtime(std::move(owned)) {}
  RuntimeHolder(const RuntimeHolder&) = delete;
  RuntimeHolder& operator=(const RuntimeHolder&) = delete;
  ~RuntimeHolder();
};

}  // namespace pyserver
