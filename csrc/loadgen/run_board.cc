#include "loadgen/run_board.h"

#include <algorithm>

namespace pyserver::loadgen {

std::optional<Nanos> RunBoard::report_and_await_start(const Status& connected) {
  std::unique_lock lock(mutex_);
  ++connected_;
  if (!connected.ok() && problem_.ok()) problem_ = connected;
  changed_.notify_all();
  changed_.wait(lock, [this] { return decided_; });
  return start_;
}

Status RunBoard::await_connected() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return connected_ == outboxes_.size(); });
  decided_ = true;
  if (problem_.ok()) start_ = steady_now();
  changed_.notify_all();
  return problem_;
}

void RunBoard::call_off(const Status& reason) {
  const std::lock_guard lock(mutex_);
  problem_ = reason;
  decided_ = true;
  changed_.notify_all();
}

void RunBoard::hand_over(std::size_t worker, std::vector<std::unique_ptr<Window>> windows) {
  const std::lock_guard lock(mutex_);
  for (std::unique_ptr<Window>& window : windows) outboxes_[worker].windows.push_back(std::move(window));
}

void RunBoard::report_end(std::size_t worker, const LoadSummary& its, Nanos last_moment) {
  const std::lock_guard lock(mutex_);
  outboxes_[worker].ended = true;
  ++ended_;
  summary_.cpu += its.cpu;
  summary_.connections_opened += its.connections_opened;
  summary_.reconnects += its.reconnects;
  summary_.most_in_flight += its.most_in_flight;
  summary_.errors.add(its.errors);
  last_moment_ = std::max(last_moment_, last_moment);
  changed_.notify_all();
}

bool RunBoard::await_end(std::chrono::nanoseconds patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [this] { return ended_ == outboxes_.size(); });
}

std::vector<std::unique_ptr<Window>> RunBoard::take_windows() {
  const std::lock_guard lock(mutex_);
  std::vector<std::unique_ptr<Window>> taken;
  while (true) {
    std::unique_ptr<Window> merged;
    for (Outbox& outbox : outboxes_) {
      // Whoever has ended has no such window.
      if (outbox.windows.empty() && !outbox.ended) return taken;
    }
    for (Outbox& outbox : outboxes_) {
      if (outbox.windows.empty() || outbox.windows.front()->index != next_window_) continue;
      std::unique_ptr<Window> window = std::move(outbox.windows.front());
      outbox.windows.pop_front();
      if (merged == nullptr) {
        merged = std::move(window);
      } else {
        merged->add(*window);
      }
    }
    if (merged == nullptr) return taken;
    ++next_window_;
    taken.push_back(std::move(merged));
  }
}

LoadSummary RunBoard::summary(Nanos measured_from) const {
  const std::lock_guard lock(mutex_);
  LoadSummary summary = summary_;
  summary.elapsed = std::max<Nanos>(last_moment_ - measured_from, 0);
  return summary;
}

}  // namespace pyserver::loadgen
