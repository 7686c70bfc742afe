// The engine that executes captured graphs: its instances are the lanes that the builder made.
#pragma once

#include <memory>
#include <string>

#include "engines/cuda_graph/graph_resources.h"
#include "inference/engine.h"

namespace pyserver {

class CudaGraphEngine final : public Engine {
 public:
  explicit CudaGraphEngine(std::unique_ptr<GraphResources> resources);

  std::string_view name() const noexcept override { return resources_->engine; }
  std::string_view device() const noexcept override { return device_; }
  bool reads_device_memory(int device) const noexcept override {
    return device == resources_->memory.device->info().ordinal;
  }
  const ModelSignature& signature() const noexcept override { return resources_->model.signature(); }
  // One group. Its instances name no CPU threads: one full batch beats two half ones.
  std::vector<InstanceGroup> instance_groups() const override;
  bool may_run_inline() const noexcept override { return false; }
  // FAILED_PRECONDITION once all lanes are given out.
  Result<std::unique_ptr<EngineInstance>> create_instance(std::size_t group) override;
  std::vector<EngineCounter> counters() const override;

 private:
  const std::unique_ptr<GraphResources> resources_;
  const std::string device_;  // "cuda:0"
};

}  // namespace pyserver
