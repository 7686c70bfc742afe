// ModelRuntime: one loaded model version at work: its engine, its queue and the threads of its instances.
//
// Life: warm_up() as often as wanted → start() → submit() from any thread → stop(). The owner must call stop() before
// it lets the last reference go: the threads end there. submit(), drop_cancelled() and the getters are thread-safe; the
// others belong to the owner.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "batching/batch_assembler.h"
#include "batching/dynamic_batcher.h"
#include "inference/engine.h"
#include "inference/request.h"
#include "memory/buffer_pool.h"
#include "metrics/model_metrics.h"
#include "processing/batch_processor.h"
#include "server/inline_policy.h"

namespace pyserver {

class ModelRuntime {
 public:
  // `clock` must outlive the runtime. `processing` is made for the engine's signature; null: nothing is processed.
  ModelRuntime(std::string model, std::int64_t version, std::unique_ptr<Engine> engine, BatchSettings settings,
               std::shared_ptr<BufferPool> pool, Clock& clock, std::unique_ptr<const Processing> processing = nullptr);
  ~ModelRuntime();

  // Creates the instances and their threads. The status of the first instance that could not be made.
  Status start();

  // Executes every instance once with inputs of zeros, of `rows` rows where the model batches. Before start() only.
  // FAILED_PRECONDITION where an input has free dimensions, since there is no telling which sizes the model takes.
  Status warm_up(std::int64_t rows);

  // Checks the request against the signature (INVALID_ARGUMENT), plans what pre-processing makes of its inputs and
  // queues it, or executes it at once where that is cheaper (see inline_policy.h). The request is finished in any case,
  // by a status if need be; nothing is returned to the caller.
  void submit(std::unique_ptr<Request> request);

  void drop_cancelled() { batcher_.drop_cancelled(); }

  // Waits until nobody holds a lease (so nothing waits and nothing runs), or until `patience` is over; then ends the
  // threads. What still waits then is finished with UNAVAILABLE; what runs is finished well. True where nothing waited.
  // A second call returns true at once.
  bool stop(std::chrono::milliseconds patience);

  const std::string& model() const noexcept { return model_; }
  std::int64_t version() const noexcept { return version_; }
  const Engine& engine() const noexcept { return *engine_; }
  // Null where nothing is processed.
  const Processing* processing() const noexcept { return processing_.get(); }
  // What the classes of an output are called; none where nobody said.
  std::span<const std::string> labels(std::string_view output) const {
    return processing_ ? processing_->labels(output) : std::span<const std::string>{};
  }
  // What requests bring and get: the engine's, but for what is pre- and post-processed.
  const ModelSignature& signature() const noexcept {
    return processing_ ? processing_->client() : engine_->signature();
  }
  const BatchSettings& batch_settings() const noexcept { return settings_; }
  ModelMetrics& metrics() noexcept { return metrics_; }
  std::size_t queue_depth() const { return batcher_.depth(); }

 private:
  friend class ModelTable;
  friend class RuntimeLease;

  struct Instance {
    std::size_t group;
    std::unique_ptr<EngineInstance> engine;
    std::unique_ptr<BatchAssembler> assembler;
    std::unique_ptr<BatchProcessor> processor;  // null where nothing is processed
    std::thread thread;
  };

  void run(Instance& instance);
  // Executes the request on this thread if that is worthwhile and nothing waits or runs; else false, and nothing is
  // done.
  bool run_inline(std::unique_ptr<Request>& request);
  void prepare_inline();
  Result<std::unique_ptr<Instance>> make_instance(std::size_t group, int threads);
  void execute(Instance& instance, Batch& batch);
  // The inputs of a batch in the one of the two forms that the instance's engine takes.
  struct Inputs {
    std::span<const TensorView> gathered;
    std::span<const ScatteredTensor> scattered;
  };
  static Result<Inputs> assemble(Instance& instance, const Batch& batch);
  // The inputs of the batch, pre-processed. Requests whose rows are bad are finished, and leave the batch.
  Result<Inputs> prepare(Instance& instance, Batch& batch);
  void execute_alone(Instance& instance, Batch& batch);
  Status create_instances();

  const std::string model_;
  const std::int64_t version_;
  const std::unique_ptr<Engine> engine_;
  const std::unique_ptr<const Processing> processing_;
  const BatchSettings settings_;
  const std::shared_ptr<BufferPool> pool_;
  Clock& clock_;
  ModelMetrics metrics_;
  DynamicBatcher batcher_;
  std::vector<std::unique_ptr<Instance>> instances_;
  bool stopped_ = false;

  InlinePolicy inline_policy_;
  const bool may_run_inline_;  // the engine's word; and whoever asks for a delay or for sizes wants batches
  std::mutex inline_mutex_;
  std::unique_ptr<Instance> inline_instance_;  // guarded by inline_mutex_; made when it is first worthwhile
  Batch inline_batch_;                         // guarded by inline_mutex_

  // Requests between ModelTable::find() and their answer.
  std::mutex leases_mutex_;
  std::condition_variable no_leases_;
  std::int64_t leases_ = 0;  // guarded by leases_mutex_
};

}  // namespace pyserver
