#include "call.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "text.h"

namespace fake_cuda {
namespace {

thread_local bool in_host_function = false;

}  // namespace

HostFunctionScope::HostFunctionScope() { in_host_function = true; }
HostFunctionScope::~HostFunctionScope() { in_host_function = false; }

Call::Call(const char* function, unsigned rules) : world_(world()), function_(function), lock_(world_.mutex) {
  ++world_.calls[function];
  label_ = std::make_shared<const std::string>(text(function, " (call ", ++world_.all_calls, ")"));
  if (in_host_function && rules != kAnytime) {
    result_ = fault("is called by a host function, which must not call CUDA", CUDA_ERROR_NOT_PERMITTED);
    return;
  }
  if (world_.ended) {
    result_ = CUDA_ERROR_DEINITIALIZED;
    return;
  }
  if ((rules & kNeedsInit) != 0 && !world_.initialised) {
    result_ = fault("comes before cuInit", CUDA_ERROR_NOT_INITIALIZED);
    return;
  }
  if (planted_failure(function, rules)) return;
  if ((rules & kNeedsContext) == kNeedsContext) {
    device_ = current_device();
    if (device_ < 0) {
      result_ = fault("has no current context", CUDA_ERROR_INVALID_CONTEXT);
      return;
    }
    const DeviceState& state = world_.devices[static_cast<std::size_t>(device_)];
    if (state.retained == 0) {
      result_ = fault("has a current context that was released", CUDA_ERROR_CONTEXT_IS_DESTROYED);
      return;
    }
    if (result_ == CUDA_SUCCESS) result_ = state.failed;
    released_anyway_ = (rules & kReleases) != 0;
    if (refused()) return;
  }
  if ((rules & kNotInCapture) != 0) check_capture();
}

bool Call::planted_failure(const char* function, unsigned rules) {
  Injection& planted = world_.injection;
  const bool meant =
      planted.function.empty() ? (rules & kReleases) == 0 && rules != kAnytime : planted.function == function;
  if (!planted.armed || !meant || planted.after-- > 0) return false;
  planted.armed = false;
  result_ = planted.result;
  released_anyway_ = (rules & kReleases) != 0;
  return refused();
}

void Call::check_capture() {
  for (const auto& capture : world_.captures) {
    const bool forbidden =
        capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL ||
        (capture->mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL && capture->thread == std::this_thread::get_id());
    if (!forbidden) continue;
    capture->invalid = true;
    released_anyway_ = false;
    result_ = fault("may not happen while a stream captures", CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    return;
  }
}

CUresult Call::fault(const std::string& text, CUresult result) {
  world_.faults.report(*label_ + " " + text);
  return result;
}

template <typename T>
std::shared_ptr<T> Call::known(const Registry<T>& registry, const void* handle, const char* kind) {
  std::shared_ptr<T> object = registry.find(handle);
  if (object) return object;
  const std::string name = text(kind, " ", hex(reinterpret_cast<std::uintptr_t>(handle)));
  result_ = fault(registry.was(handle) ? text("uses ", name, ", which was destroyed")
                                       : text("uses ", name, ", which there never was"),
                  CUDA_ERROR_INVALID_HANDLE);
  released_anyway_ = false;
  return nullptr;
}

template <typename T>
std::shared_ptr<T> Call::of_this_context(std::shared_ptr<T> object, const char* kind) {
  if (!object || device_ < 0 || object->device == device_) return object;
  result_ = fault(text("uses ", kind, " of device ", object->device, " with the context of device ", device_),
                  CUDA_ERROR_INVALID_CONTEXT);
  released_anyway_ = false;
  return nullptr;
}

std::shared_ptr<Stream> Call::stream(CUstream handle) {
  if (handle == nullptr || handle == CU_STREAM_LEGACY || handle == CU_STREAM_PER_THREAD) {
    result_ =
        fault("uses a default stream, which is ordered with streams that it should not know", CUDA_ERROR_NOT_SUPPORTED);
    return nullptr;
  }
  return of_this_context(known(world_.streams, handle, "a stream"), "a stream");
}

std::shared_ptr<Event> Call::event(CUevent handle) {
  return of_this_context(known(world_.events, handle, "an event"), "an event");
}

std::shared_ptr<Graph> Call::graph(CUgraph handle) { return known(world_.graphs, handle, "a graph"); }

std::shared_ptr<GraphExec> Call::exec(CUgraphExec handle) {
  return of_this_context(known(world_.execs, handle, "a graph"), "a graph");
}

std::shared_ptr<Module> Call::module(CUmodule handle) {
  return of_this_context(known(world_.modules, handle, "a module"), "a module");
}

std::shared_ptr<Function> Call::function(CUfunction handle) {
  return of_this_context(known(world_.functions, handle, "a function"), "a function");
}

}  // namespace fake_cuda
