// DynamicBatcher: the queue of one model version, and the rule by which idle instances take batches from it.
//
// Pull batching: there is no scheduler thread. The thread of an idle instance calls next_batch(), which returns when
// the batch policy says that a batch is due; requests arriving meanwhile wake it through the queue.
//
// Invariants
//   1. A request is in the queue, in exactly one Batch, or finished.
//   2. A batch holds at most max_batch_size rows, and only requests of one batch signature: the same inputs present,
//      with the same datatypes and the same shapes but for the batch dimension. Without batching it holds one request.
//   3. A request that is cancelled, or whose deadline has passed, when a batch is formed is finished with CANCELLED or
//      DEADLINE_EXCEEDED and never executed.
//   4. Within one priority level and one batch signature, requests are taken in the order in which they came.
//   5. Instances of different groups never execute at the same time (see instance_plan.h).
// Thread-safe. Completions are called without any lock held.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "batching/batch_settings.h"
#include "inference/engine.h"
#include "inference/request.h"
#include "metrics/model_metrics.h"

namespace pyserver {

// Requests that are executed together, in the order of their rows.
struct Batch {
  std::vector<std::unique_ptr<Request>> requests;
  std::int64_t rows = 0;
};

class DynamicBatcher {
 public:
  // `clock` and `metrics` must outlive the batcher. `groups` are the engine's.
  DynamicBatcher(BatchSettings settings, std::int64_t max_batch_size, std::vector<InstanceGroup> groups, Clock& clock,
                 ModelMetrics& metrics);
  ~DynamicBatcher();  // everything that still waits is finished with UNAVAILABLE

  // Puts the request, whose inputs are in the signature's order and checked and whose timeline.queued is set, at the
  // end of its priority level. On success the request is the batcher's, and its completion will be called. On failure
  // (RESOURCE_EXHAUSTED: the queue is full; INVALID_ARGUMENT: no such priority level; UNAVAILABLE: stopped) `request`
  // is untouched and the caller's.
  Status enqueue(std::unique_ptr<Request>& request);

  // Blocks until a batch is due for an instance of `group`, fills `batch` (empty on entry) and returns true; returns
  // false once stop() was called and nothing waits any more.
  bool next_batch(std::size_t group, Batch& batch);

  // To be called by the thread that got a batch, once it was executed and before it asks for the next.
  void batch_done(std::size_t group);

  // Finishes requests whose cancellation is set, at once. Called after a cancellation.
  void drop_cancelled();

  // Refuses new requests from now on, and lets next_batch() return false when the queue is empty.
  // With `abandon`, requests that still wait are finished with UNAVAILABLE.
  void stop(bool abandon);

  // Requests that wait.
  std::size_t depth() const;
  // Whether nothing waits and no batch is underway, and requests are still taken.
  bool idle() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pyserver
