#include "engines/cuda_graph/cuda_graph_engine.h"

#include <utility>

#include "base/text.h"
#include "engines/cuda_graph/lane_instance.h"

namespace pyserver {

CudaGraphEngine::CudaGraphEngine(std::unique_ptr<GraphResources> resources)
    : resources_(std::move(resources)), device_(concat("cuda:", resources_->memory.device->info().ordinal)) {}

std::vector<InstanceGroup> CudaGraphEngine::instance_groups() const {
  return {{.count = static_cast<int>(resources_->lanes.size()), .threads = 0}};
}

Result<std::unique_ptr<EngineInstance>> CudaGraphEngine::create_instance(std::size_t group) {
  if (group != 0) return invalid_argument(concat("there is one instance group, and group ", group, " is not it"));
  for (const auto& lane : resources_->lanes) {
    if (lane->in_use.exchange(true)) continue;
    return std::unique_ptr<EngineInstance>(std::make_unique<LaneInstance>(*resources_, *lane));
  }
  return failed_precondition(concat("all ", resources_->lanes.size(), " lanes are in use"));
}

std::vector<EngineCounter> CudaGraphEngine::counters() const {
  const GraphCounters& counters = resources_->counters;
  std::uint64_t graphs = 0;
  for (const auto& lane : resources_->lanes) graphs += lane->graphs.count();
  return {
      {"batches", counters.batches.value()},
      {"graph_hits", counters.graph_hits.value()},
      {"graph_misses", counters.graph_misses.value()},
      {"uncaptured_batches", counters.uncaptured_batches.value()},
      {"failed_batches", counters.failed_batches.value()},
      {"rows", counters.rows.value()},
      {"padding_rows", counters.padding_rows.value()},
      {"input_copies", counters.input_copies.value()},
      {"pageable_input_copies", counters.pageable_input_copies.value()},
      {"pageable_output_copies", counters.pageable_output_copies.value()},
      {"device_input_copies", counters.device_input_copies.value()},
      {"enqueue_ns", counters.enqueue_ns.value()},
      {"h2d_ns", counters.h2d_ns.value()},
      {"compute_ns", counters.compute_ns.value()},
      {"d2h_ns", counters.d2h_ns.value()},
      {"graphs", graphs},
      {"device_memory_bytes", resources_->device_memory->used_bytes()},
  };
}

}  // namespace pyserver
