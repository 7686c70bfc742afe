// DeviceHandle: owns one object of the driver and, with it, a reference to its device. Move-only.
#pragma once

#include <memory>
#include <type_traits>

#include "cuda/device.h"

namespace pyserver::cuda {

// Gives the object back with the device's context current; a failure is the driver's release_failures().
template <auto kRelease>
class Release {
 public:
  Release() noexcept = default;
  Release(const Device& device, const char* what) : device_(device.shared_from_this()), what_(what) {}

  const std::shared_ptr<const Device>& device() const noexcept { return device_; }

  template <typename Object>
  void operator()(Object* object) const noexcept {
    const ContextScope scope(*device_);
    device_->driver().check_release((device_->api().*kRelease)(object), what_);
  }

 private:
  std::shared_ptr<const Device> device_;
  const char* what_ = "";
};

template <typename Handle, auto kRelease>
using DeviceHandle = std::unique_ptr<std::remove_pointer_t<Handle>, Release<kRelease>>;

}  // namespace pyserver::cuda
