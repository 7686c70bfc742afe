#include "cuda/memory_policy.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pyserver::cuda {

namespace {

// Of a mask of this many bits the kernel reads one less.
constexpr unsigned long counted(int nodes) { return static_cast<unsigned long>(nodes) + 1; }

}  // namespace

NumaPreference::NumaPreference(int node) noexcept {
  if (node < 0 || node >= kMaxNodes) return;
  if (syscall(SYS_get_mempolicy, &previous_mode_, previous_nodes_.data(), counted(kMaxNodes), nullptr, 0) != 0) return;
  NodeMask nodes{};
  nodes[static_cast<std::size_t>(node / kBitsPerWord)] = 1UL << (node % kBitsPerWord);
  active_ = syscall(SYS_set_mempolicy, MPOL_PREFERRED, nodes.data(), counted(kMaxNodes)) == 0;
}

NumaPreference::~NumaPreference() {
  // What was there a moment ago is accepted again.
  if (active_) syscall(SYS_set_mempolicy, previous_mode_, previous_nodes_.data(), counted(kMaxNodes));
}

}  // namespace pyserver::cuda
