// RequestQueue: the requests of one model version that wait, by priority level and then by arrival.
//
// Not thread-safe: the batcher's mutex guards it. It owns what waits in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "inference/request.h"

namespace pyserver {

// What the batch policy looks at: the requests that could go together with the first one, in one batch.
struct QueueView {
  std::int64_t rows = 0;
  // No more fits: `rows` is the limit, or the next request of the same batch signature goes beyond it.
  bool full = false;
  TimePoint oldest_arrival = kNever;
  TimePoint earliest_deadline = kNever;
};

class RequestQueue {
 public:
  // `levels` ≥ 1. Without `batches` every request goes alone.
  RequestQueue(std::uint32_t levels, bool batches);

  // `level` from 1 (first) to `levels`. The request's rows, inputs, deadline and timeline.queued are complete.
  void push(std::unique_ptr<Request> request, std::uint32_t level);

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  std::int64_t rows() const noexcept { return rows_; }
  // No request that waits expires before this; it may be too early, never too late.
  TimePoint earliest_deadline() const noexcept { return earliest_deadline_; }

  // Moves requests that are cancelled, or whose deadline has come, to the end of `dead`, wherever they wait.
  void take_expired_or_cancelled(TimePoint now, std::vector<std::unique_ptr<Request>>& dead);
  // Moves everything to the end of `all`.
  void take_all(std::vector<std::unique_ptr<Request>>& all);

  // Of a batch of at most `max_rows` rows, beginning with the first request of the highest level. Not when empty.
  QueueView view(std::int64_t max_rows) const;

  // Moves to `taken` that first request, and the later ones of its batch signature while they fit into `max_rows` (the
  // first goes in any case), and stops at the first of them that does not fit. Dead ones met on the way go to `dead`.
  // The rows taken; 0 if all were dead. Not when empty.
  std::int64_t take_batch(TimePoint now, std::int64_t max_rows, std::vector<std::unique_ptr<Request>>& taken,
                          std::vector<std::unique_ptr<Request>>& dead);

 private:
  struct Entry {
    std::unique_ptr<Request> request;
    std::uint64_t signature_hash = 0;
    std::int64_t rows = 0;
    TimePoint deadline = kNever;
  };
  using Level = std::list<Entry>;

  const Entry& first() const noexcept;
  // Takes the entry out and returns the one after it.
  Level::iterator extract(Level& level, Level::iterator at, std::vector<std::unique_ptr<Request>>& to);

  const bool batches_;
  std::vector<Level> levels_;
  Level spare_;  // nodes for reuse: no allocation for a request in the long run
  std::size_t size_ = 0;
  std::int64_t rows_ = 0;
  TimePoint earliest_deadline_ = kNever;
};

bool is_cancelled(const Request& request) noexcept;

// Whether two requests of one model may share a batch: the same inputs present, the same datatypes, the same shapes but
// for the first dimension.
bool same_batch_signature(const Request& a, const Request& b) noexcept;

}  // namespace pyserver
