// Nvrtc: NVIDIA's compiler of CUDA C++, loaded while the program runs: libnvrtc.so.13 or .12, of a toolkit or of PyPI's
// nvidia-cuda-nvrtc. It needs no GPU.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "kernels/kernel_source.h"

namespace pyserver::kernels {

struct NvrtcFunctions;

// Thread-safe. The library stays loaded until the process ends: it has threads of its own.
class Nvrtc {
 public:
  // `library`: a path, or a name that the loader finds; empty: the names above. UNAVAILABLE, with what to install,
  // where it cannot be loaded.
  static Result<std::shared_ptr<const Nvrtc>> open(const std::string& library = "");
  ~Nvrtc();
  Nvrtc(const Nvrtc&) = delete;
  Nvrtc& operator=(const Nvrtc&) = delete;

  int major() const noexcept { return major_; }
  int minor() const noexcept { return minor_; }
  // The GPUs that it compiles for, rising: 75, 80, … for compute capability 7.5, 8.0, …
  const std::vector<int>& architectures() const noexcept { return architectures_; }

  // The cubin of `source`, which may include `headers` by their names; `name` is for the messages of the compiler.
  // INTERNAL, with the first lines of the compiler's log, where the source is wrong.
  Result<std::vector<std::byte>> compile(const std::string& source, const std::string& name,
                                         std::span<const SourceFile> headers,
                                         std::span<const std::string> options) const;

 private:
  explicit Nvrtc(std::unique_ptr<NvrtcFunctions> functions);
  Status start();
  // OK, or "`what`: NVRTC_ERROR_NAME (number)".
  Status check(int result, const char* what) const;
  Status told_by_log(void* program, const Status& failure) const;

  std::unique_ptr<const NvrtcFunctions> functions_;
  int major_ = 0;
  int minor_ = 0;
  std::vector<int> architectures_;
};

}  // namespace pyserver::kernels
