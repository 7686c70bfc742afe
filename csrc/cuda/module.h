// Module: compiled kernels (a cubin) on a device. Function: one kernel of it.
//
// Both are cheap to copy, and a Function keeps its module loaded. Thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"
#include "cuda/device_handle.h"
#include "cuda/stream.h"

namespace pyserver::cuda {

struct Dim3 {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
};

class Function {
 public:
  CUfunction get() const noexcept { return function_; }
  const std::string& name() const noexcept { return name_; }

 private:
  friend class Module;
  Function(std::shared_ptr<void> module, CUfunction function, std::string name)
      : module_(std::move(module)), function_(function), name_(std::move(name)) {}

  std::shared_ptr<void> module_;
  CUfunction function_;
  std::string name_;
};

class Module {
 public:
  // `cubin` is not needed afterwards. INVALID_ARGUMENT where it is none, or none for this GPU.
  static Result<Module> load(const Device& device, std::span<const std::byte> cubin);
  // NOT_FOUND names the function.
  Result<Function> function(const std::string& name) const;

 private:
  using Handle = DeviceHandle<CUmodule, &DriverFunctions::ModuleUnload>;
  explicit Module(std::shared_ptr<Handle> handle) : handle_(std::move(handle)) {}

  std::shared_ptr<Handle> handle_;
};

// Enqueues the kernel. `arguments` point to the values of its parameters, which are copied; `shared_bytes` of dynamic
// shared memory for each block.
Status launch(Stream& stream, const Function& function, Dim3 grid, Dim3 block, unsigned shared_bytes,
              std::span<void* const> arguments);

}  // namespace pyserver::cuda
