// Copies and fills. The host's side of a copy is page-locked memory, or ordinary memory that is treated as the driver
// does it: read at the call, and written before the call returns.
#include <cstring>
#include <utility>
#include <vector>

#include "exported.h"
#include "text.h"
#include "work.h"

using namespace fake_cuda;

namespace {

CUdeviceptr address_of(const void* host) { return reinterpret_cast<std::uintptr_t>(host); }

// Whether `host` lies in no memory that the double knows; for a device address, a fault.
bool is_pageable(Call& call, const void* host) {
  if (call.state().memory.find(address_of(host))) return false;
  return !call.state().memory.is_device_address(address_of(host));
}

CUresult refuse_pageable_capture(Call& call, Stream& stream) {
  stream.capture->invalid = true;
  return call.fault("captures a copy of ordinary host memory, at a time when nobody knows what is in it",
                    CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

CUresult copy_pinned(Call& call, const std::shared_ptr<Stream>& stream, CUdeviceptr to, CUdeviceptr from,
                     std::size_t bytes) {
  Work work{
      .what = label_on(call, *stream), .ranges = {{from, bytes, FAKE_READ}, {to, bytes, FAKE_WRITE}}, .run = nullptr};
  work.run = [bytes](void* const* pointers) {
    if (bytes > 0) std::memmove(pointers[1], pointers[0], bytes);
    return CUDA_SUCCESS;
  };
  return enqueue(call, stream, std::move(work));
}

// A copy between device memory and any of the host's that is done when the call returns, and ordered with no stream.
CUresult copy_at_once(Call& call, CUdeviceptr device_address, int kind, void* to, const void* from, std::size_t bytes) {
  World& world = call.state();
  const std::uint64_t time = world.host.tick(kHostAgent);
  const Work work{.what = call.label(), .ranges = {{device_address, bytes, kind}}, .run = nullptr};
  Step step;
  if (!prepare(call, work, world.host, kHostAgent, time, step)) return CUDA_ERROR_INVALID_VALUE;
  if (bytes > 0) std::memcpy(to != nullptr ? to : step.pointers[0], from != nullptr ? from : step.pointers[0], bytes);
  return CUDA_SUCCESS;
}

}  // namespace

CUresult CUDAAPI cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, std::size_t bytes, CUstream handle) {
  Call call("cuMemcpyHtoDAsync_v2", kNeedsContext);
  if (call.refused()) return call.result();
  const auto stream = call.stream(handle);
  if (!stream) return call.result();
  if (!is_pageable(call, from)) return copy_pinned(call, stream, to, address_of(from), bytes);
  if (stream->capture) return refuse_pageable_capture(call, *stream);
  ++call.state().pageable_copies;
  Work work{.what = label_on(call, *stream), .ranges = {{to, bytes, FAKE_WRITE}}, .run = nullptr};
  const auto* const begin = static_cast<const std::byte*>(from);
  work.run = [staged = std::vector<std::byte>(begin, begin + bytes)](void* const* pointers) {
    if (!staged.empty()) std::memcpy(pointers[0], staged.data(), staged.size());
    return CUDA_SUCCESS;
  };
  return enqueue(call, stream, std::move(work));
}

CUresult CUDAAPI cuMemcpyDtoHAsync(void* to, CUdeviceptr from, std::size_t bytes, CUstream handle) {
  Call call("cuMemcpyDtoHAsync_v2", kNeedsContext);
  if (call.refused()) return call.result();
  const auto stream = call.stream(handle);
  if (!stream) return call.result();
  if (!is_pageable(call, to)) return copy_pinned(call, stream, address_of(to), from, bytes);
  if (stream->capture) return refuse_pageable_capture(call, *stream);
  ++call.state().pageable_copies;
  Work work{.what = label_on(call, *stream), .ranges = {{from, bytes, FAKE_READ}}, .run = nullptr};
  work.run = [to, bytes](void* const* pointers) {
    if (bytes > 0) std::memcpy(to, pointers[0], bytes);
    return CUDA_SUCCESS;
  };
  const CUresult result = enqueue(call, stream, std::move(work));
  return result == CUDA_SUCCESS ? wait_on_host(call, enqueue_point(call, *stream)) : result;
}

CUresult CUDAAPI cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream handle) {
  Call call("cuMemcpyDtoDAsync_v2", kNeedsContext);
  if (call.refused()) return call.result();
  const auto stream = call.stream(handle);
  return stream ? copy_pinned(call, stream, to, from, bytes) : call.result();
}

CUresult CUDAAPI cuMemsetD8Async(CUdeviceptr to, unsigned char value, std::size_t bytes, CUstream handle) {
  Call call("cuMemsetD8Async", kNeedsContext);
  if (call.refused()) return call.result();
  const auto stream = call.stream(handle);
  if (!stream) return call.result();
  Work work{.what = label_on(call, *stream), .ranges = {{to, bytes, FAKE_WRITE}}, .run = nullptr};
  work.run = [value, bytes](void* const* pointers) {
    if (bytes > 0) std::memset(pointers[0], value, bytes);
    return CUDA_SUCCESS;
  };
  return enqueue(call, stream, std::move(work));
}

CUresult CUDAAPI cuMemcpyHtoD(CUdeviceptr to, const void* from, std::size_t bytes) {
  Call call("cuMemcpyHtoD_v2", kNeedsContext | kNotInCapture);
  if (call.refused()) return call.result();
  return copy_at_once(call, to, FAKE_WRITE, nullptr, from, bytes);
}

CUresult CUDAAPI cuMemcpyDtoH(void* to, CUdeviceptr from, std::size_t bytes) {
  Call call("cuMemcpyDtoH_v2", kNeedsContext | kNotInCapture);
  if (call.refused()) return call.result();
  return copy_at_once(call, from, FAKE_READ, to, nullptr, bytes);
}
