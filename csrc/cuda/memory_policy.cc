#include "cuda/memory_policy.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pyserver::cuda {

NumaPreference::NumaPreference(int node) noexcept {
  if (node < 0 || node >= kMaxNodes) return;
  if (syscall(SYS_get_mempolicy, &previous_mode_, previous_nodes_.data(), kMaxNodes, nullptr, 0) != 0) return;
  NodeMask nodes{};
  nodes[static_cast<std::size_t>(node / kBitsPerWord)] = 1UL << (node % kBitsPerWord);
  active_ = syscall(SYS_set_mempolicy, MPOL_PREFERRED, nodes.data(), kMaxNodes) == 0;
}

NumaPreference::~NumaPreference() {
  // What was there a moment ago is accepted again.
  if (active_) syscall(SYS_set_mempolicy, previous_mode_, previous_nodes_.data(), kMaxNodes);
}

}  // namespace pyserver::cuda
