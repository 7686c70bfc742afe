// KernelCompiler: planned kernels → cubins, out of the cache where they have been compiled before.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "kernels/kernel_cache.h"
#include "kernels/nvrtc.h"
#include "kernels/planned_kernel.h"

namespace pyserver::kernels {

struct CompilerStats {
  std::uint64_t compiled = 0;
  std::uint64_t found = 0;     // in the cache
  std::uint64_t not_kept = 0;  // the cache could not be written
};

// Thread-safe. One for a server.
class KernelCompiler {
 public:
  // `cache_folder`: empty: nothing is kept. `library`: as Nvrtc::open() takes it. UNAVAILABLE, with what to install.
  static Result<std::shared_ptr<const KernelCompiler>> create(std::string cache_folder, const std::string& library);

  // For GPUs of the compute capability major.minor. Never with approximations, and a product and a sum are rounded one
  // after the other, as the ops of the CPU do. UNAVAILABLE where this NVRTC compiles for no such GPU.
  Result<std::vector<std::byte>> compile(const PlannedKernel& kernel, int major, int minor) const;

  const Nvrtc& nvrtc() const noexcept { return *nvrtc_; }
  CompilerStats stats() const noexcept;

 private:
  KernelCompiler(std::shared_ptr<const Nvrtc> nvrtc, std::string cache_folder)
      : nvrtc_(std::move(nvrtc)), cache_(std::move(cache_folder)) {}
  Result<int> architecture_for(int major, int minor) const;

  const std::shared_ptr<const Nvrtc> nvrtc_;
  const KernelCache cache_;
  mutable std::atomic<std::uint64_t> compiled_ = 0;
  mutable std::atomic<std::uint64_t> found_ = 0;
  mutable std::atomic<std::uint64_t> not_kept_ = 0;
};

}  // namespace pyserver::kernels
