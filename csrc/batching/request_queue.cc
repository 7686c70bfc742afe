#include "batching/request_queue.h"

#include <algorithm>
#include <utility>

namespace pyserver {
namespace {

// Absent optional inputs have rank 0, which no input of a model that batches has: rank tells presence too.
std::uint64_t signature_hash(const Request& request) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv), over whole numbers
  const auto mix = [&hash](std::uint64_t value) { hash = (hash ^ value) * 0x100000001b3; };
  for (const TensorView& input : request.inputs) {
    mix(static_cast<std::uint64_t>(input.datatype));
    mix(input.shape.rank());
    for (std::size_t axis = 1; axis < input.shape.rank(); ++axis) mix(static_cast<std::uint64_t>(input.shape[axis]));
  }
  return hash;
}

bool same_but_for_rows(const TensorView& a, const TensorView& b) noexcept {
  if (a.datatype != b.datatype || a.shape.rank() != b.shape.rank()) return false;
  for (std::size_t axis = 1; axis < a.shape.rank(); ++axis) {
    if (a.shape[axis] != b.shape[axis]) return false;
  }
  return true;
}

}  // namespace

bool is_cancelled(const Request& request) noexcept {
  return request.cancellation != nullptr && request.cancellation->cancelled();
}

bool same_batch_signature(const Request& a, const Request& b) noexcept {
  return std::equal(a.inputs.begin(), a.inputs.end(), b.inputs.begin(), b.inputs.end(), same_but_for_rows);
}

RequestQueue::RequestQueue(std::uint32_t levels, bool batches) : batches_(batches), levels_(levels) {}

void RequestQueue::push(std::unique_ptr<Request> request, std::uint32_t level) {
  Level& to = levels_[level - 1];
  if (spare_.empty()) spare_.emplace_back();
  Entry& entry = spare_.front();
  entry.signature_hash = batches_ ? signature_hash(*request) : 0;
  entry.rows = request->rows;
  entry.deadline = request->deadline;
  entry.request = std::move(request);
  to.splice(to.end(), spare_, spare_.begin());
  size_ += 1;
  rows_ += entry.rows;
  earliest_deadline_ = std::min(earliest_deadline_, entry.deadline);
}

const RequestQueue::Entry& RequestQueue::first() const noexcept {
  return std::find_if(levels_.begin(), levels_.end(), [](const Level& level) { return !level.empty(); })->front();
}

RequestQueue::Level::iterator RequestQueue::extract(Level& level, Level::iterator at,
                                                    std::vector<std::unique_ptr<Request>>& to) {
  const auto next = std::next(at);
  size_ -= 1;
  rows_ -= at->rows;
  to.push_back(std::move(at->request));
  spare_.splice(spare_.begin(), level, at);
  if (size_ == 0) earliest_deadline_ = kNever;
  return next;
}

void RequestQueue::take_expired_or_cancelled(TimePoint now, std::vector<std::unique_ptr<Request>>& dead) {
  TimePoint earliest = kNever;
  for (Level& level : levels_) {
    for (auto at = level.begin(); at != level.end();) {
      if (at->deadline <= now || is_cancelled(*at->request)) {
        at = extract(level, at, dead);
      } else {
        earliest = std::min(earliest, at->deadline);
        ++at;
      }
    }
  }
  earliest_deadline_ = earliest;
}

void RequestQueue::take_all(std::vector<std::unique_ptr<Request>>& all) {
  for (Level& level : levels_) {
    for (auto at = level.begin(); at != level.end();) at = extract(level, at, all);
  }
}

QueueView RequestQueue::view(std::int64_t max_rows) const {
  const Entry& head = first();
  QueueView seen;
  for (const Level& level : levels_) {
    for (const Entry& entry : level) {
      const bool is_head = &entry == &head;
      if (!is_head &&
          (entry.signature_hash != head.signature_hash || !same_batch_signature(*entry.request, *head.request))) {
        continue;
      }
      if (!is_head && (!batches_ || seen.rows + entry.rows > max_rows)) {
        seen.full = true;
        return seen;
      }
      seen.rows += entry.rows;
      seen.oldest_arrival = std::min(seen.oldest_arrival, entry.request->timeline.queued);
      seen.earliest_deadline = std::min(seen.earliest_deadline, entry.deadline);
      if (seen.rows >= max_rows) {
        seen.full = true;
        return seen;
      }
    }
  }
  return seen;
}

std::int64_t RequestQueue::take_batch(TimePoint now, std::int64_t max_rows,
                                      std::vector<std::unique_ptr<Request>>& taken,
                                      std::vector<std::unique_ptr<Request>>& dead) {
  const Request* head = nullptr;
  std::uint64_t hash = 0;
  std::int64_t rows = 0;
  for (Level& level : levels_) {
    for (auto at = level.begin(); at != level.end();) {
      if (head != nullptr && (at->signature_hash != hash || !same_batch_signature(*at->request, *head))) {
        ++at;
        continue;
      }
      if (at->deadline <= now || is_cancelled(*at->request)) {
        at = extract(level, at, dead);
        continue;
      }
      if (head != nullptr && rows + at->rows > max_rows) return rows;
      if (head == nullptr) {
        head = at->request.get();
        hash = at->signature_hash;
      }
      rows += at->rows;
      at = extract(level, at, taken);
      if (!batches_ || rows >= max_rows) return rows;
    }
  }
  return rows;
}

}  // namespace pyserver
