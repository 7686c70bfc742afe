// ServerState: whether the server as a whole is ready. Told by the model repository, asked by probes. Thread-safe.
#pragma once

#include <atomic>

namespace pyserver {

class ServerState {
 public:
  void set_ready(bool ready) noexcept { ready_.store(ready, std::memory_order_relaxed); }
  bool ready() const noexcept { return ready_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> ready_{false};
};

}  // namespace pyserver
