// pyserver._core.CudaDevice.
#pragma once

#include <memory>

#include "cuda/device.h"

namespace pyserver {

struct DeviceHolder {
  std::shared_ptr<const cuda::Device> device;
};

}  // namespace pyserver
