// BatchFormation: all that the dynamic batcher knows and decides, without its threads and locks: what waits, what
// executes, which group of instances is next, and which batch it takes. So it can be tested, and whole loads simulated,
// step by step.
//
// Not thread-safe: the batcher's mutex guards it. Times given to it never go back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "batching/batch_policy.h"
#include "batching/batch_settings.h"
#include "batching/instance_plan.h"
#include "batching/request_queue.h"

namespace pyserver {

// A batch that was taken and is not done.
struct RunningBatch {
  std::size_t requests = 0;
  std::int64_t rows = 0;
  TimePoint taken;
};

class BatchFormation {
 public:
  BatchFormation(BatchSettings settings, std::int64_t max_batch_size, std::vector<InstanceGroup> groups);

  const BatchSettings& settings() const noexcept { return settings_; }
  const RequestQueue& queue() const noexcept { return queue_; }
  const LoadEstimate& load() const noexcept { return load_; }
  // Whoever puts requests in or takes them out calls observe() then.
  RequestQueue& queue() noexcept { return queue_; }
  void observe(TimePoint now) noexcept;

  // The group whose turn it is. It may still have to wait for another one to drain.
  std::size_t choose_group() noexcept;
  std::size_t chosen_group() const noexcept { return plan_.current(); }
  // Whether none of another group executes.
  bool executes_alone(std::size_t group) const noexcept { return running_batches_ == groups_[group].executing; }

  // What an idle instance of `group`, whose turn it is, should do. Not when the queue is empty. From when `hurry` is
  // set nothing waits for others to come.
  BatchDecision decide_for(std::size_t group, TimePoint now, bool hurry) const;

  // Takes a batch as RequestQueue::take_batch() does. Where `taken` is not empty then, done() is due.
  RunningBatch take(std::size_t group, std::int64_t max_rows, TimePoint now,
                    std::vector<std::unique_ptr<Request>>& taken, std::vector<std::unique_ptr<Request>>& dead);
  void done(std::size_t group, const RunningBatch& batch, TimePoint now);

 private:
  struct Group {
    std::size_t instances = 1;
    std::size_t executing = 0;  // batches
  };

  const BatchSettings settings_;
  const std::int64_t max_batch_size_;  // 1 where the model does not batch
  RequestQueue queue_;
  InstancePlan plan_;
  LoadEstimate load_;
  std::vector<Group> groups_;
  bool shares_ = false;      // an instance leaves the others of its group their part
  bool needs_load_ = false;  // otherwise nobody asks for the estimate, and it is not kept
  std::size_t running_batches_ = 0;
  std::size_t running_requests_ = 0;
  std::int64_t running_rows_ = 0;
};

}  // namespace pyserver
