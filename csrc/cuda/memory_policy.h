// NumaPreference: while it lives, new memory of this thread comes from one NUMA node if that has any left.
//
// By the system calls themselves, which spares libnuma. Where the kernel refuses (one node, or a container that forbids
// it), nothing changes: it is a preference. Stays on its thread.
#pragma once

#include <array>

namespace pyserver::cuda {

class NumaPreference {
 public:
  // -1: none.
  explicit NumaPreference(int node) noexcept;
  ~NumaPreference();
  NumaPreference(const NumaPreference&) = delete;
  NumaPreference& operator=(const NumaPreference&) = delete;

  // Whether the kernel took it.
  bool active() const noexcept { return active_; }

 private:
  static constexpr int kMaxNodes = 1024;
  static constexpr int kBitsPerWord = 8 * sizeof(unsigned long);
  using NodeMask = std::array<unsigned long, kMaxNodes / kBitsPerWord>;

  int previous_mode_ = 0;
  NodeMask previous_nodes_{};
  bool active_ = false;
};

}  // namespace pyserver::cuda
