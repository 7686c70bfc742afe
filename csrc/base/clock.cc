#include "base/clock.h"

namespace pyserver {

void SteadyClock::wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, TimePoint until) {
  if (until == kNever) {
    condition.wait(lock);
  } else {
    condition.wait_until(lock, until);
  }
}

}  // namespace pyserver
