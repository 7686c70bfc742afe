#include "loadgen/recorder.h"

#include <algorithm>

namespace pyserver::loadgen {

void ErrorExamples::add(const ErrorExamples& other) {
  by_kind.insert(other.by_kind.begin(), other.by_kind.end());
  if (!other.last.empty()) last = other.last;
}

Recorder::Recorder(const LoadPlan& plan) : grid_(plan) { open_next(); }

void Recorder::open_next() {
  const WindowGrid::Bounds bounds = grid_.bounds(next_index_);
  auto window = std::make_unique<Window>();
  window->index = next_index_++;
  window->start = bounds.start;
  window->end = bounds.end;
  window->warmup = bounds.warmup;
  open_.push_back(std::move(window));
}

Ticket Recorder::begin(Nanos due, std::size_t request_bytes) {
  // What is due at the very end of the plan belongs to the last window.
  while (due >= open_.back()->end && next_index_ < grid_.size()) open_next();
  Window& window = *open_.back();
  ++window.sent;
  window.request_bytes += request_bytes;
  most_in_flight_ = std::max(most_in_flight_, ++in_flight_);
  return {&window, due};
}

void Recorder::failed(const Ticket& ticket, Nanos now, ErrorKind kind, std::string_view sentence) {
  ++ticket.window->failed;
  ticket.window->add_error(kind, 1);
  end_one(now);
  note(kind, sentence);
}

void Recorder::lost(const Ticket& ticket) noexcept {
  ++ticket.window->lost;
  --in_flight_;
}

void Recorder::note(ErrorKind kind, std::string_view sentence) {
  examples_.by_kind.try_emplace(kind, sentence);
  examples_.last = sentence;
}

std::vector<std::unique_ptr<Window>> Recorder::take_complete(Nanos moment) {
  std::vector<std::unique_ptr<Window>> complete;
  while (open_.front()->end <= moment) {
    // Its successor first: there is always one that requests can begin in. The last window waits for take_rest().
    if (open_.size() == 1) {
      if (next_index_ >= grid_.size()) break;
      open_next();
    }
    if (open_.front()->ended() != open_.front()->sent) break;
    complete.push_back(std::move(open_.front()));
    open_.pop_front();
  }
  return complete;
}

std::vector<std::unique_ptr<Window>> Recorder::take_rest(Nanos end) {
  while (open_.back()->end < end && next_index_ < grid_.size()) open_next();
  std::vector<std::unique_ptr<Window>> rest;
  for (std::unique_ptr<Window>& window : open_) {
    if (window->start >= end && window->sent == 0) continue;
    window->end = std::max(window->start, std::min(window->end, end));
    rest.push_back(std::move(window));
  }
  open_.clear();
  return rest;
}

}  // namespace pyserver::loadgen
