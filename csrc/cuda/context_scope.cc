#include "base/text.h"
#include "cuda/device.h"

namespace pyserver::cuda {

ContextScope::ContextScope(const Device& device) noexcept : device_(device) {
  CUcontext current = nullptr;
  result_ = device.api().CtxGetCurrent(&current);
  if (result_ != CUDA_SUCCESS || current == device.context()) return;
  result_ = device.api().CtxPushCurrent(device.context());
  pushed_ = result_ == CUDA_SUCCESS;
}

ContextScope::~ContextScope() {
  if (!pushed_) return;
  CUcontext popped = nullptr;
  device_.driver().check_release(device_.api().CtxPopCurrent(&popped), "putting back a thread's context");
}

Status ContextScope::status() const {
  if (result_ == CUDA_SUCCESS) return {};
  return device_.driver().check(result_, concat("using the context of GPU ", device_.info().ordinal));
}

}  // namespace pyserver::cuda
