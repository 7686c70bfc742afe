// Streams, and functions of the host in them.
#include <thread>
#include <utility>

#include "exported.h"
#include "text.h"
#include "work.h"

using namespace fake_cuda;

CUresult CUDAAPI cuStreamCreateWithPriority(CUstream* handle, unsigned int flags, int) {
  Call call("cuStreamCreateWithPriority", kNeedsContext);
  if (call.refused()) return call.result();
  if (flags != CU_STREAM_NON_BLOCKING) {
    return call.fault("creates a stream that the legacy stream is ordered with", CUDA_ERROR_NOT_SUPPORTED);
  }
  World& world = call.state();
  const auto stream = std::make_shared<Stream>();
  *handle = static_cast<CUstream>(world.streams.add(stream));
  stream->number = world.stream_count++;
  stream->device = call.device();
  stream->created_by = call.label();
  stream->agent = world.next_agent++;
  std::thread(run_stream, stream).detach();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamDestroy(CUstream handle) {
  Call call("cuStreamDestroy_v2", kNeedsContext | kReleases);
  if (call.refused()) return call.result();
  const auto stream = call.stream(handle);
  if (!stream) return call.result();
  if (stream->capture) {
    stream->capture->invalid = true;
    call.fault("destroys a stream that captures", CUDA_SUCCESS);
  }
  stream->destroyed = true;
  stream->held = false;
  stream->wake.notify_all();
  call.state().streams.remove(handle);
  return call.result();
}

CUresult CUDAAPI cuStreamQuery(CUstream handle) {
  Call call("cuStreamQuery", kNeedsContext);
  if (call.refused()) return call.result();
  const auto stream = call.stream(handle);
  if (!stream) return call.result();
  if (stream->capture) {
    stream->capture->invalid = true;
    return call.fault("asks a stream that captures", CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  }
  if (stream->busy || !stream->queue.empty()) return CUDA_ERROR_NOT_READY;
  call.state().host.join(stream->clock);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamSynchronize(CUstream handle) {
  Call call("cuStreamSynchronize", kNeedsContext);
  if (call.refused()) return call.result();
  const auto stream = call.stream(handle);
  if (!stream) return call.result();
  if (stream->capture) {
    stream->capture->invalid = true;
    return call.fault("waits for a stream that captures", CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  }
  return wait_on_host(call, enqueue_point(call, *stream));
}

CUresult CUDAAPI cuCtxSynchronize() {
  Call call("cuCtxSynchronize", kNeedsContext | kNotInCapture);
  if (call.refused()) return call.result();
  std::vector<std::shared_ptr<Point>> points;
  for (const auto& [handle, stream] : call.state().streams.all()) {
    if (stream->device == call.device() && !stream->capture) points.push_back(enqueue_point(call, *stream));
  }
  for (const auto& point : points) wait_on_host(call, point);
  return call.state().devices[static_cast<std::size_t>(call.device())].failed;
}

CUresult CUDAAPI cuLaunchHostFunc(CUstream handle, CUhostFn function, void* argument) {
  Call call("cuLaunchHostFunc", kNeedsContext);
  if (call.refused()) return call.result();
  const auto stream = call.stream(handle);
  if (!stream) return call.result();
  Work work{.what = label_on(call, *stream), .ranges = {}, .run = nullptr, .is_host_function = true};
  work.run = [function, argument](void* const*) {
    const HostFunctionScope scope;
    function(argument);
    return CUDA_SUCCESS;
  };
  return enqueue(call, stream, std::move(work));
}
