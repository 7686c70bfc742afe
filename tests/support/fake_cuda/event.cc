// Events.
#include <algorithm>
#include <chrono>

#include "exported.h"
#include "work.h"

using namespace fake_cuda;

namespace {

// Lets `stream` take part in the capture that recorded the event.
CUresult join_capture(Call& call, const std::shared_ptr<Stream>& stream, const Event& event) {
  const std::shared_ptr<Capture> capture = event.capture.lock();
  if (!capture) return call.fault("waits for an event of a capture that has ended", CUDA_ERROR_CAPTURED_EVENT);
  if (stream->capture && stream->capture != capture) {
    stream->capture->invalid = capture->invalid = true;
    return CUDA_ERROR_STREAM_CAPTURE_MERGE;
  }
  if (!stream->capture) {
    stream->capture = capture;
    stream->tail.clear();
    capture->streams.push_back(stream);
  }
  for (const std::size_t node : event.nodes) {
    if (std::find(stream->tail.begin(), stream->tail.end(), node) == stream->tail.end()) stream->tail.push_back(node);
  }
  return capture->invalid ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
}

}  // namespace

CUresult CUDAAPI cuEventCreate(CUevent* handle, unsigned int flags) {
  Call call("cuEventCreate", kNeedsContext);
  if (call.refused()) return call.result();
  const auto event = std::make_shared<Event>();
  event->device = call.device();
  event->created_by = call.label();
  event->timing = (flags & CU_EVENT_DISABLE_TIMING) == 0;
  *handle = static_cast<CUevent>(call.state().events.add(event));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuEventDestroy(CUevent handle) {
  Call call("cuEventDestroy_v2", kNeedsContext | kReleases);
  if (call.refused()) return call.result();
  if (!call.event(handle)) return call.result();
  call.state().events.remove(handle);
  return call.result();
}

CUresult CUDAAPI cuEventRecord(CUevent handle, CUstream stream_handle) {
  Call call("cuEventRecord", kNeedsContext);
  if (call.refused()) return call.result();
  const auto event = call.event(handle);
  const auto stream = event ? call.stream(stream_handle) : nullptr;
  if (!stream) return call.result();
  event->captured = stream->capture != nullptr;
  if (event->captured) {
    event->capture = stream->capture;
    event->nodes = stream->tail;
    return stream->capture->invalid ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
  }
  event->point = enqueue_point(call, *stream);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamWaitEvent(CUstream stream_handle, CUevent handle, unsigned int) {
  Call call("cuStreamWaitEvent", kNeedsContext);
  if (call.refused()) return call.result();
  const auto stream = call.stream(stream_handle);
  const auto event = stream ? call.event(handle) : nullptr;
  if (!event) return call.result();
  if (event->captured) return join_capture(call, stream, *event);
  if (stream->capture) {
    // The recorded work would depend on something that happens once, outside of the graph.
    stream->capture->invalid = true;
    return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
  }
  if (event->point) enqueue_wait(*stream, event->point);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuEventQuery(CUevent handle) {
  Call call("cuEventQuery", kNeedsContext | kNotInCapture);
  if (call.refused()) return call.result();
  const auto event = call.event(handle);
  if (!event) return call.result();
  if (event->captured) return call.fault("asks for an event that was captured", CUDA_ERROR_CAPTURED_EVENT);
  if (!event->point) return CUDA_SUCCESS;
  if (!event->point->reached) return CUDA_ERROR_NOT_READY;
  return wait_on_host(call, event->point);
}

CUresult CUDAAPI cuEventSynchronize(CUevent handle) {
  Call call("cuEventSynchronize", kNeedsContext | kNotInCapture);
  if (call.refused()) return call.result();
  const auto event = call.event(handle);
  if (!event) return call.result();
  if (event->captured) return call.fault("waits for an event that was captured", CUDA_ERROR_CAPTURED_EVENT);
  return event->point ? wait_on_host(call, event->point) : CUDA_SUCCESS;
}

extern "C" CUresult CUDAAPI cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  Call call("cuEventElapsedTime", kNeedsContext);
  if (call.refused()) return call.result();
  const auto first = call.event(start);
  const auto last = first ? call.event(end) : nullptr;
  if (!last) return call.result();
  if (!first->timing || !last->timing || !first->point || !last->point) return CUDA_ERROR_INVALID_HANDLE;
  if (!first->point->reached || !last->point->reached) return CUDA_ERROR_NOT_READY;
  *milliseconds = std::chrono::duration<float, std::milli>(last->point->time - first->point->time).count();
  return CUDA_SUCCESS;
}
