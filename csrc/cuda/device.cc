#include "cuda/device.h"

#include <utility>

#include "base/text.h"

namespace pyserver::cuda {

Result<std::shared_ptr<const Device>> Device::open(std::shared_ptr<const Driver> driver, int ordinal) {
  Result<DeviceInfo> info = driver->device_info(ordinal);
  if (!info.ok()) return std::move(info).status();
  CUdevice handle = 0;
  CUcontext context = nullptr;
  const std::string what = concat("opening GPU ", ordinal, " (", info->name, ")");
  PYSERVER_RETURN_IF_ERROR(driver->check(driver->api().DeviceGet(&handle, ordinal), what));
  PYSERVER_RETURN_IF_ERROR(driver->check(driver->api().DevicePrimaryCtxRetain(&context, handle), what));
  return std::shared_ptr<const Device>(new Device(std::move(driver), *std::move(info), handle, context));
}

Device::~Device() { driver_->check_release(api().DevicePrimaryCtxRelease(handle_), "releasing a context"); }

Result<MemoryInfo> Device::memory() const {
  const ContextScope scope(*this);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  MemoryInfo memory;
  PYSERVER_RETURN_IF_ERROR(driver_->check(api().MemGetInfo(&memory.free_bytes, &memory.total_bytes),
                                          concat("reading how much memory GPU ", info_.ordinal, " has")));
  return memory;
}

}  // namespace pyserver::cuda
