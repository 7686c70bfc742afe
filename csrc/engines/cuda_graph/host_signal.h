// HostSignal: how a thread learns from the driver's own thread that its batch is done.
//
// One thread waits; raise() is what Stream::call_on_host() calls with the signal as its argument.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace pyserver {

class HostSignal {
 public:
  // Before the stream gets the call.
  void reset() {
    const std::lock_guard lock(mutex_);
    raised_ = false;
  }

  static void raise(void* signal) {
    auto& self = *static_cast<HostSignal*>(signal);
    const std::lock_guard lock(self.mutex_);
    self.raised_ = true;
    // With the lock held: the waiting thread may destroy the signal as soon as it has it.
    self.changed_.notify_one();
  }

  // False where it was not raised in time.
  bool wait_for(std::chrono::nanoseconds limit) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [this] { return raised_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool raised_ = false;
};

}  // namespace pyserver
