// TimerHeap: the armed timers of one event loop, the earliest first; a heap with four children a node.
//
// Owns no timer. Adding and removing are O(log n) and call nobody. Belongs to the loop's thread.
#pragma once

#include <cstddef>
#include <vector>

#include "base/clock.h"
#include "net/event_loop.h"

namespace pyserver {

class TimerHeap {
 public:
  // Must not be in it.
  void add(EventLoop::Timer& timer, TimePoint at);
  // Must be in it, or due and not yet taken.
  void remove(EventLoop::Timer& timer) noexcept;

  // kNever where there is none.
  TimePoint earliest() const noexcept { return entries_.empty() ? kNever : entries_.front().at; }

  // Sets apart all whose time has come. What is added from now on is not among them, though it be late already: a timer
  // that arms itself again for a time that is over must not keep the loop from its sockets.
  void set_apart_due(TimePoint now);
  // Takes the earliest of those set apart; nullptr when there are no more.
  EventLoop::Timer* take_due() noexcept;

  // Takes any timer, set apart or not; nullptr when there are no more.
  EventLoop::Timer* take_any() noexcept;

 private:
  // The time lies here, not in the timer: comparing must not touch memory all over.
  struct Entry {
    TimePoint at;
    EventLoop::Timer* timer;
  };

  void put(std::size_t index, Entry entry) noexcept;
  void sift_up(std::size_t index, Entry entry) noexcept;
  void sift_down(std::size_t index, Entry entry) noexcept;

  std::vector<Entry> entries_;
  std::vector<EventLoop::Timer*> due_;  // nullptr where one was removed
  std::size_t next_due_ = 0;
};

}  // namespace pyserver
