// Stream: an ordered queue of work for a device. Never the legacy stream, and not ordered with it.
//
// Thread-safe as the driver is; what threads enqueue at the same time has no order.
// Destroying a stream waits for nothing: its work goes on, so synchronize() first where its memory is released next.
#pragma once

#include <functional>

#include "base/status.h"
#include "cuda/device_handle.h"
#include "cuda/event.h"

namespace pyserver::cuda {

enum class Priority { kLow, kNormal, kHigh };

class Stream {
 public:
  static Result<Stream> create(const Device& device, Priority priority = Priority::kNormal);

  CUstream get() const noexcept { return handle_.get(); }
  const Device& device() const noexcept { return *handle_.get_deleter().device(); }

  // What is enqueued from now on begins after `event`, as it was last recorded. Under capture, an event of another
  // stream of the capture draws this stream into it.
  Status wait(const Event& event);
  Status record(const Event& event);

  // Calls the function on a thread of the driver after what is enqueued so far; what is enqueued later waits for it.
  //   - It must not call CUDA, nor wait for something that does, and should be short.
  //   - It is never called once the device has failed (an illegal address, for one): whoever waits for it must do so
  //     with a time limit and ask the stream then.
  // The first form takes nothing from the heap; `argument` must live until the call. The second is called once, so it
  // is refused under capture (FAILED_PRECONDITION); what it holds is never released where the call never comes.
  Status call_on_host(void (*function)(void* argument), void* argument);
  Status call_on_host(std::function<void()> function);

  // Whether all that was enqueued is done. The error of the device where it has failed.
  Result<bool> idle() const;
  Result<bool> capturing() const;
  // Blocks until all is done: for loading, unloading and tests, not for the path of a request.
  Status synchronize();

 private:
  using Handle = DeviceHandle<CUstream, &DriverFunctions::StreamDestroy>;
  explicit Stream(Handle handle) : handle_(std::move(handle)) {}

  Handle handle_;
};

}  // namespace pyserver::cuda
