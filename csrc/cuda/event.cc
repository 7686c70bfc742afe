#include "cuda/event.h"

namespace pyserver::cuda {

Result<Event> Event::create(const Device& device, Timing timing) {
  const ContextScope scope(device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  const unsigned flags =
      CU_EVENT_BLOCKING_SYNC | (timing == Timing::kDisabled ? CU_EVENT_DISABLE_TIMING : CU_EVENT_DEFAULT);
  CUevent event = nullptr;
  PYSERVER_RETURN_IF_ERROR(device.driver().check(device.api().EventCreate(&event, flags), "creating an event"));
  return Event(Handle(event, {device, "releasing an event"}));
}

Result<bool> Event::reached() const {
  const ContextScope scope(device());
  PYSERVER_RETURN_IF_ERROR(scope.status());
  const CUresult result = device().api().EventQuery(get());
  if (result == CUDA_ERROR_NOT_READY) return false;
  PYSERVER_RETURN_IF_ERROR(device().driver().check(result, "asking whether an event is reached"));
  return true;
}

Result<std::chrono::nanoseconds> Event::since(const Event& earlier) const {
  const ContextScope scope(device());
  PYSERVER_RETURN_IF_ERROR(scope.status());
  float milliseconds = 0;
  PYSERVER_RETURN_IF_ERROR(device().driver().check(device().api().EventElapsedTime(&milliseconds, earlier.get(), get()),
                                                   "measuring the time between events"));
  return std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(milliseconds) * 1e6));
}

Status Event::synchronize() const {
  const ContextScope scope(device());
  PYSERVER_RETURN_IF_ERROR(scope.status());
  return device().driver().check(device().api().EventSynchronize(get()), "waiting for an event");
}

}  // namespace pyserver::cuda
