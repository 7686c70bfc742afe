#include "kernels/kernel_compiler.h"

#include "base/text.h"
#include "kernels/kernel_source.h"

namespace pyserver::kernels {
namespace {

// Everything that the cubin depends on.
std::string key_of(const Nvrtc& nvrtc, const PlannedKernel& kernel, const std::vector<std::string>& options) {
  std::string key = concat("NVRTC ", nvrtc.major(), ".", nvrtc.minor(), "\n");
  for (const std::string& option : options) key += concat(option, "\n");
  key += kernel.source;
  for (const SourceFile& file : source_files()) key += concat(file.name, "\n", file.text);
  return key;
}

}  // namespace

Result<std::shared_ptr<const KernelCompiler>> KernelCompiler::create(std::string cache_folder,
                                                                     const std::string& library) {
  auto nvrtc = Nvrtc::open(library);
  if (!nvrtc.ok()) return nvrtc.status();
  return std::shared_ptr<const KernelCompiler>(new KernelCompiler(*std::move(nvrtc), std::move(cache_folder)));
}

// A cubin runs on GPUs of its own major number whose minor one is not lower.
Result<int> KernelCompiler::architecture_for(int major, int minor) const {
  int best = 0;
  std::string known;
  for (const int architecture : nvrtc_->architectures()) {
    known += concat(known.empty() ? "" : ", ", "sm_", architecture);
    if (architecture / 10 == major && architecture % 10 <= minor) best = architecture;
  }
  if (best != 0) return best;
  return unavailable(concat("NVRTC ", nvrtc_->major(), ".", nvrtc_->minor(), " compiles for ", known,
                            ", and this GPU is sm_", major, minor, ". Install a version of nvidia-cuda-nvrtc that ",
                            "knows it, or set options.device_ops: false"));
}

Result<std::vector<std::byte>> KernelCompiler::compile(const PlannedKernel& kernel, int major, int minor) const {
  const Result<int> architecture = architecture_for(major, minor);
  if (!architecture.ok()) return architecture.status();
  const std::vector<std::string> options = {concat("--gpu-architecture=sm_", *architecture),
                                            "--std=c++17",
                                            "--fmad=false",
                                            "--ftz=false",
                                            "--prec-div=true",
                                            "--prec-sqrt=true"};
  const std::string key = key_of(*nvrtc_, kernel, options);
  if (auto found = cache_.find(key)) {
    found_.fetch_add(1, std::memory_order_relaxed);
    return *std::move(found);
  }
  auto cubin = nvrtc_->compile(kernel.source, "ops.cu", source_files(), options);
  if (!cubin.ok()) {
    return Status(cubin.status().code(), concat("the kernel ", kernel.name, ": ", cubin.status().message()));
  }
  compiled_.fetch_add(1, std::memory_order_relaxed);
  // Without the file the next start takes longer, and that is all.
  if (!cache_.keep(key, *cubin).ok()) not_kept_.fetch_add(1, std::memory_order_relaxed);
  return cubin;
}

CompilerStats KernelCompiler::stats() const noexcept {
  return {compiled_.load(std::memory_order_relaxed), found_.load(std::memory_order_relaxed),
          not_kept_.load(std::memory_order_relaxed)};
}

}  // namespace pyserver::kernels
