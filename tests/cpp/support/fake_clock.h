// FakeClock: a clock that moves only when told to, so that waits are tested without waiting.
//
// Thread-safe. advance() must not be called while a mutex that somebody waits with is held, nor while an object that
// somebody waits in is being destroyed.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <list>
#include <mutex>
#include <vector>

#include "base/clock.h"

namespace pyserver {

class FakeClock final : public Clock {
 public:
  TimePoint now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }

  // Ends when notified, or when advance() reaches `until`.
  void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, TimePoint until) override {
    std::list<Wait>::iterator own;
    {
      const std::lock_guard guard(mutex_);
      if (until <= now_) return;
      own = waits_.insert(waits_.end(), Wait{lock.mutex(), &condition, until});
      waits_changed_.notify_all();
    }
    condition.wait(lock);
    const std::lock_guard guard(mutex_);
    waits_.erase(own);
    waits_changed_.notify_all();
  }

  void advance(Duration by) {
    std::vector<Wait> over;
    {
      const std::lock_guard guard(mutex_);
      now_ += by;
      std::copy_if(waits_.begin(), waits_.end(), std::back_inserter(over),
                   [this](const Wait& wait) { return wait.until <= now_; });
    }
    for (const Wait& wait : over) {
      // Under the waiter's mutex: it is inside condition.wait() then, and the notification is not lost.
      const std::lock_guard guard(*wait.mutex);
      wait.condition->notify_all();
    }
  }

  // Blocks until `count` threads wait in this clock, for however long.
  void await_waiting(std::size_t count) {
    std::unique_lock lock(mutex_);
    waits_changed_.wait(lock, [this, count] { return waits_.size() == count; });
  }
  // Blocks until some thread waits until exactly `until`.
  void await_wait_until(TimePoint until) {
    std::unique_lock lock(mutex_);
    waits_changed_.wait(lock, [this, until] {
      return std::any_of(waits_.begin(), waits_.end(), [until](const Wait& wait) { return wait.until == until; });
    });
  }

 private:
  struct Wait {
    std::mutex* mutex;
    std::condition_variable* condition;
    TimePoint until;
  };

  mutable std::mutex mutex_;
  std::condition_variable waits_changed_;
  // Guarded by mutex_.
  TimePoint now_{std::chrono::hours(1)};  // some moment; the epoch itself would hide forgotten times
  std::list<Wait> waits_;
};

}  // namespace pyserver
