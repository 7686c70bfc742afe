#include "cuda/stream.h"

#include <memory>
#include <utility>

namespace pyserver::cuda {
namespace {

// The driver brings a number outside of its range to the nearest within; lower is more urgent, and 0 the default.
int number_of(Priority priority) {
  switch (priority) {
    case Priority::kLow: return 100;
    case Priority::kNormal: return 0;
    case Priority::kHigh: return -100;
  }
  return 0;
}

void call_once(void* argument) {
  const std::unique_ptr<std::function<void()>> function(static_cast<std::function<void()>*>(argument));
  (*function)();
}

}  // namespace

Result<Stream> Stream::create(const Device& device, Priority priority) {
  const ContextScope scope(device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  CUstream stream = nullptr;
  PYSERVER_RETURN_IF_ERROR(
      device.driver().check(device.api().StreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, number_of(priority)),
                            "creating a stream"));
  return Stream(Handle(stream, {device, "releasing a stream"}));
}

Status Stream::wait(const Event& event) {
  const ContextScope scope(device());
  PYSERVER_RETURN_IF_ERROR(scope.status());
  return device().driver().check(device().api().StreamWaitEvent(get(), event.get(), CU_EVENT_WAIT_DEFAULT),
                                 "letting a stream wait for an event");
}

Status Stream::record(const Event& event) {
  const ContextScope scope(device());
  PYSERVER_RETURN_IF_ERROR(scope.status());
  return device().driver().check(device().api().EventRecord(event.get(), get()), "recording an event");
}

Status Stream::call_on_host(void (*function)(void* argument), void* argument) {
  const ContextScope scope(device());
  PYSERVER_RETURN_IF_ERROR(scope.status());
  return device().driver().check(device().api().LaunchHostFunc(get(), function, argument),
                                 "enqueuing a function of the host");
}

Status Stream::call_on_host(std::function<void()> function) {
  const Result<bool> recording = capturing();
  if (!recording.ok()) return recording.status();
  if (*recording) {
    return failed_precondition(
        "a function that is called once cannot be captured: each launch of the graph would call it");
  }
  auto owned = std::make_unique<std::function<void()>>(std::move(function));
  PYSERVER_RETURN_IF_ERROR(call_on_host(&call_once, owned.get()));
  static_cast<void>(owned.release());  // call_once owns it now
  return {};
}

Result<bool> Stream::idle() const {
  const ContextScope scope(device());
  PYSERVER_RETURN_IF_ERROR(scope.status());
  const CUresult result = device().api().StreamQuery(get());
  if (result == CUDA_ERROR_NOT_READY) return false;
  PYSERVER_RETURN_IF_ERROR(device().driver().check(result, "asking whether a stream is idle"));
  return true;
}

Result<bool> Stream::capturing() const {
  const ContextScope scope(device());
  PYSERVER_RETURN_IF_ERROR(scope.status());
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  PYSERVER_RETURN_IF_ERROR(
      device().driver().check(device().api().StreamIsCapturing(get(), &status), "asking whether a stream captures"));
  return status != CU_STREAM_CAPTURE_STATUS_NONE;
}

Status Stream::synchronize() {
  const ContextScope scope(device());
  PYSERVER_RETURN_IF_ERROR(scope.status());
  return device().driver().check(device().api().StreamSynchronize(get()), "waiting for a stream");
}

}  // namespace pyserver::cuda
