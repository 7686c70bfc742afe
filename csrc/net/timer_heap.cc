#include "net/timer_heap.h"

#include <algorithm>
#include <limits>

namespace pyserver {
namespace {

constexpr std::size_t kChildren = 4;
// Marks the index of a timer that stands in due_, not in the heap.
constexpr std::size_t kDue = ~(std::numeric_limits<std::size_t>::max() >> 1);

}  // namespace

void TimerHeap::add(EventLoop::Timer& timer, TimePoint at) {
  entries_.push_back({});
  sift_up(entries_.size() - 1, {at, &timer});
}

void TimerHeap::remove(EventLoop::Timer& timer) noexcept {
  if ((timer.index_ & kDue) != 0) {
    due_[timer.index_ & ~kDue] = nullptr;
    return;
  }
  const std::size_t hole = timer.index_;
  const Entry last = entries_.back();
  entries_.pop_back();
  if (hole == entries_.size()) return;
  if (hole > 0 && last.at < entries_[(hole - 1) / kChildren].at) {
    sift_up(hole, last);
  } else {
    sift_down(hole, last);
  }
}

void TimerHeap::set_apart_due(TimePoint now) {
  due_.clear();
  next_due_ = 0;
  while (earliest() <= now) {
    EventLoop::Timer* timer = entries_.front().timer;
    due_.push_back(timer);
    remove(*timer);
    timer->index_ = kDue | (due_.size() - 1);
  }
}

EventLoop::Timer* TimerHeap::take_due() noexcept {
  while (next_due_ < due_.size()) {
    EventLoop::Timer* timer = due_[next_due_++];
    if (timer != nullptr) return timer;
  }
  return nullptr;
}

EventLoop::Timer* TimerHeap::take_any() noexcept {
  if (EventLoop::Timer* timer = take_due(); timer != nullptr) return timer;
  if (entries_.empty()) return nullptr;
  EventLoop::Timer* timer = entries_.front().timer;
  remove(*timer);
  return timer;
}

void TimerHeap::put(std::size_t index, Entry entry) noexcept {
  entries_[index] = entry;
  entry.timer->index_ = index;
}

void TimerHeap::sift_up(std::size_t index, Entry entry) noexcept {
  while (index > 0) {
    const std::size_t parent = (index - 1) / kChildren;
    if (entries_[parent].at <= entry.at) break;
    put(index, entries_[parent]);
    index = parent;
  }
  put(index, entry);
}

void TimerHeap::sift_down(std::size_t index, Entry entry) noexcept {
  while (true) {
    const std::size_t first = index * kChildren + 1;
    if (first >= entries_.size()) break;
    const std::size_t end = std::min(first + kChildren, entries_.size());
    const auto least = std::min_element(entries_.begin() + static_cast<std::ptrdiff_t>(first),
                                        entries_.begin() + static_cast<std::ptrdiff_t>(end),
                                        [](const Entry& a, const Entry& b) { return a.at < b.at; });
    if (entry.at <= least->at) break;
    const auto child = static_cast<std::size_t>(least - entries_.begin());
    put(index, *least);
    index = child;
  }
  put(index, entry);
}

}  // namespace pyserver
