// Stream capture: work is recorded as the nodes of a graph instead of executed.
#include <algorithm>
#include <thread>
#include <utility>

#include "exported.h"
#include "work.h"

using namespace fake_cuda;

namespace {

// Whether all that `stream` recorded comes before what the origin recorded last.
bool is_joined(const Graph& graph, const std::vector<std::size_t>& origin, const std::vector<std::size_t>& tail) {
  std::vector<bool> before(graph.nodes.size());
  for (const std::size_t node : origin) before[node] = true;
  // Each node comes after those that it depends on, so one pass from the last is enough.
  for (std::size_t node = graph.nodes.size(); node-- > 0;) {
    if (!before[node]) continue;
    for (const std::size_t earlier : graph.nodes[node].after) before[earlier] = true;
  }
  return std::all_of(tail.begin(), tail.end(), [&](std::size_t node) { return before[node]; });
}

// Ends the capture for all streams. Why there is no graph; CUDA_SUCCESS: there is one.
CUresult finish(World& world, const std::shared_ptr<Capture>& capture, const Stream& origin) {
  const std::vector<std::size_t> last = origin.tail;
  CUresult result = capture->invalid ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
  for (const auto& weak : capture->streams) {
    const auto stream = weak.lock();
    if (!stream) continue;
    if (result == CUDA_SUCCESS && !is_joined(*capture->graph, last, stream->tail)) {
      result = CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
    }
    stream->capture.reset();
    stream->tail.clear();
  }
  std::erase(world.captures, capture);
  return result;
}

}  // namespace

CUresult CUDAAPI cuStreamBeginCapture(CUstream handle, CUstreamCaptureMode mode) {
  Call call("cuStreamBeginCapture_v2", kNeedsContext);
  if (call.refused()) return call.result();
  const auto stream = call.stream(handle);
  if (!stream) return call.result();
  if (stream->capture) return CUDA_ERROR_ILLEGAL_STATE;
  const auto capture = std::make_shared<Capture>();
  capture->graph = std::make_shared<Graph>();
  capture->graph->device = call.device();
  capture->graph->created_by = label_on(call, *stream);
  capture->origin = stream;
  capture->streams = {stream};
  capture->mode = mode;
  capture->thread = std::this_thread::get_id();
  stream->capture = capture;
  stream->tail.clear();
  call.state().captures.push_back(capture);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamEndCapture(CUstream handle, CUgraph* graph) {
  Call call("cuStreamEndCapture", kNeedsContext | kReleases);
  if (call.refused()) return call.result();
  *graph = nullptr;
  const auto stream = call.stream(handle);
  if (!stream) return call.result();
  const std::shared_ptr<Capture> capture = stream->capture;
  if (!capture) return CUDA_ERROR_ILLEGAL_STATE;
  if (capture->origin.lock() != stream) {
    capture->invalid = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  }
  if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id()) {
    return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  }
  CUresult result = finish(call.state(), capture, *stream);
  if (call.result() != CUDA_SUCCESS) result = call.result();
  if (result == CUDA_SUCCESS) *graph = static_cast<CUgraph>(call.state().graphs.add(capture->graph));
  return result;
}

CUresult CUDAAPI cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status) {
  Call call("cuStreamIsCapturing", kNeedsContext);
  if (call.refused()) return call.result();
  const auto stream = call.stream(handle);
  if (!stream) return call.result();
  *status = !stream->capture           ? CU_STREAM_CAPTURE_STATUS_NONE
            : stream->capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                       : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return CUDA_SUCCESS;
}
