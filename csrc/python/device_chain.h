// pyserver._core.DeviceChain.
#pragma once

#include <memory>

#include "kernels/device_chain.h"

namespace pyserver {

struct DeviceChainHolder {
  std::shared_ptr<const cuda::Device> device;
  std::shared_ptr<const kernels::DeviceChain> chain;
};

}  // namespace pyserver
