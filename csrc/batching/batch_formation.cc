#include "batching/batch_formation.h"

#include <algorithm>
#include <utility>

namespace pyserver {

BatchFormation::BatchFormation(BatchSettings settings, std::int64_t max_batch_size, std::vector<InstanceGroup> groups)
    : settings_(std::move(settings)),
      max_batch_size_(std::max<std::int64_t>(1, max_batch_size)),
      queue_(std::max<std::uint32_t>(1, settings_.priority_levels), max_batch_size > 0),
      plan_(groups),
      load_(plan_.most_requests()),
      groups_(groups.size()) {
  const bool delays = settings_.max_queue_delay > Duration::zero();
  // Who asks for a delay or for sizes wants large batches, not fair ones.
  shares_ = max_batch_size_ > 1 && !delays && settings_.preferred_batch_sizes.empty();
  needs_load_ = plan_.adaptive() || delays;
  for (std::size_t index = 0; index < groups_.size(); ++index) {
    groups_[index].instances = static_cast<std::size_t>(std::max(1, groups[index].count));
    needs_load_ = needs_load_ || (shares_ && plan_.shares(index));
  }
}

void BatchFormation::observe(TimePoint now) noexcept {
  if (needs_load_) load_.observe(now, queue_.size() + running_requests_, queue_.rows() + running_rows_);
}

std::size_t BatchFormation::choose_group() noexcept { return plan_.choose(load_, queue_.size(), running_batches_ > 0); }

BatchDecision BatchFormation::decide_for(std::size_t group, TimePoint now, bool hurry) const {
  const bool delays = settings_.max_queue_delay > Duration::zero() || !settings_.preferred_batch_sizes.empty();
  if (delays && !hurry) return decide(queue_.view(max_batch_size_), settings_, max_batch_size_, load_.execution(), now);
  if (!shares_ || !plan_.shares(group)) return {true, max_batch_size_, now};
  const Group& own = groups_[group];
  const std::size_t idle = own.instances - std::min(own.executing, own.instances - 1);
  const std::int64_t share = plan_.fair_share(group, idle, queue_.rows(), queue_.rows() + running_rows_, load_.rows());
  return {true, std::min(share, max_batch_size_), now};
}

RunningBatch BatchFormation::take(std::size_t group, std::int64_t max_rows, TimePoint now,
                                  std::vector<std::unique_ptr<Request>>& taken,
                                  std::vector<std::unique_ptr<Request>>& dead) {
  const std::int64_t rows = queue_.take_batch(now, max_rows, taken, dead);
  const RunningBatch batch{taken.size(), rows, now};
  if (!taken.empty()) {
    groups_[group].executing += 1;
    running_batches_ += 1;
    running_requests_ += batch.requests;
    running_rows_ += batch.rows;
  }
  observe(now);
  return batch;
}

void BatchFormation::done(std::size_t group, const RunningBatch& batch, TimePoint now) {
  groups_[group].executing -= 1;
  running_batches_ -= 1;
  running_requests_ -= batch.requests;
  running_rows_ -= batch.rows;
  load_.executed(now - batch.taken);
  observe(now);
}

}  // namespace pyserver
