// Device: one GPU with its primary context, which PyTorch, TensorRT and the CUDA runtime use, too.
//
// The context is retained until the last reference goes. Every object of this folder that belongs to a device keeps a
// reference, so none outlives its context. Thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "base/status.h"
#include "cuda/driver.h"

namespace pyserver::cuda {

struct MemoryInfo {
  std::size_t free_bytes = 0;  // of the device, whoever else uses it
  std::size_t total_bytes = 0;
};

class Device : public std::enable_shared_from_this<Device> {
 public:
  // INVALID_ARGUMENT where there is no such device.
  static Result<std::shared_ptr<const Device>> open(std::shared_ptr<const Driver> driver, int ordinal);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const Driver& driver() const noexcept { return *driver_; }
  const DriverFunctions& api() const noexcept { return driver_->api(); }
  const DeviceInfo& info() const noexcept { return info_; }
  CUcontext context() const noexcept { return context_; }
  Result<MemoryInfo> memory() const;

 private:
  Device(std::shared_ptr<const Driver> driver, DeviceInfo info, CUdevice handle, CUcontext context)
      : driver_(std::move(driver)), info_(std::move(info)), handle_(handle), context_(context) {}

  const std::shared_ptr<const Driver> driver_;
  const DeviceInfo info_;
  const CUdevice handle_;
  const CUcontext context_;
};

// Makes the device's context current on this thread, and puts back what was. Where it is current already, which is the
// rule on a lane's thread, this costs one look at the thread's own data. Everything in this folder does it itself;
// needed around calls of other libraries only. `device` must outlive it; stays on its thread.
class ContextScope {
 public:
  explicit ContextScope(const Device& device) noexcept;
  ~ContextScope();
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;

  // Why the context could not be made current; the calls that follow would fail likewise.
  Status status() const;

 private:
  const Device& device_;
  CUresult result_;
  bool pushed_ = false;
};

}  // namespace pyserver::cuda
