// Event: a point in the work of a stream.
//
// Thread-compatible; reached() and since() may be asked by any thread. Destroying it before it is reached is allowed.
#pragma once

#include <chrono>

#include "base/status.h"
#include "cuda/device_handle.h"

namespace pyserver::cuda {

enum class Timing {
  kDisabled,  // cheaper to record and to wait for
  kEnabled,
};

class Event {
 public:
  static Result<Event> create(const Device& device, Timing timing = Timing::kDisabled);

  CUevent get() const noexcept { return handle_.get(); }
  const Device& device() const noexcept { return *handle_.get_deleter().device(); }

  // True before the first record.
  Result<bool> reached() const;
  // From `earlier` to this on the device. Both with timing, recorded and reached; the resolution is about 0.5 µs.
  Result<std::chrono::nanoseconds> since(const Event& earlier) const;
  // Blocks without spinning until it is reached: for loading and for tests, not for the path of a request.
  Status synchronize() const;

 private:
  using Handle = DeviceHandle<CUevent, &DriverFunctions::EventDestroy>;
  explicit Event(Handle handle) : handle_(std::move(handle)) {}

  Handle handle_;
};

}  // namespace pyserver::cuda
