// DeviceHealth: whether the device has failed for good. After an error such as an illegal address every call to a
// context fails until the process ends, so that nothing is tried any more. Thread-safe.
#pragma once

#include <atomic>
#include <mutex>

#include "base/status.h"
#include "base/text.h"

namespace pyserver {

class DeviceHealth {
 public:
  void fail(const Status& why) {
    const std::lock_guard lock(mutex_);
    if (failed_.load(std::memory_order_relaxed)) return;
    why_ = why.message();
    failed_.store(true, std::memory_order_release);
  }

  // UNAVAILABLE where the device has failed.
  Status check() const {
    if (!failed_.load(std::memory_order_acquire)) return {};
    const std::lock_guard lock(mutex_);
    return unavailable(concat("the GPU failed and executes nothing until the server is started again: ", why_));
  }

 private:
  std::atomic<bool> failed_ = false;
  mutable std::mutex mutex_;
  std::string why_;  // guarded by mutex_
};

}  // namespace pyserver
