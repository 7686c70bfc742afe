// Graph: work recorded once, as a template. GraphExec: a graph made ready, launched as often as wanted by one call.
//
// How work is recorded: begin_capture(stream); enqueue; end_capture(stream). The capture is of the kind "thread-local":
//   - other threads go on allocating and serving meanwhile, which the kind "global" would make errors;
//   - what must not happen during a capture on the capturing thread itself (an allocation, a synchronous copy) is an
//     error there, which the kind "relaxed" would let through, to happen once and not at each launch.
// It ends on the thread that began it. A graph holds addresses: their memory must outlive its launches.
// Both are thread-compatible; launches of one GraphExec do not overlap on the device.
#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "cuda/device_handle.h"
#include "cuda/stream.h"

namespace pyserver::cuda {

class Graph {
 public:
  // A graph of someone else, who keeps it alive and unchanged.
  static Graph borrowed(const Device& device, CUgraph graph);
  // Copies of the graphs, as children, one after another. `graphs` are not needed afterwards.
  static Result<Graph> compose(const Device& device, std::span<const Graph* const> graphs);
  // A copy that is owned, of a graph that may be borrowed.
  Result<Graph> clone() const;

  CUgraph get() const noexcept { return owned_ ? owned_.get() : borrowed_; }
  const Device& device() const noexcept { return *owned_.get_deleter().device(); }
  // Without those inside child graphs.
  Result<std::size_t> node_count() const;

 private:
  friend Result<Graph> end_capture(Stream& stream);
  using Handle = DeviceHandle<CUgraph, &DriverFunctions::GraphDestroy>;
  Graph(Handle owned, CUgraph borrowed) : owned_(std::move(owned)), borrowed_(borrowed) {}

  Handle owned_;  // its deleter knows the device also where nothing is owned
  CUgraph borrowed_ = nullptr;
};

// From now on the stream records instead of executing.
Status begin_capture(Stream& stream);
// Ends it, by the same thread; must be called also where something could not be enqueued. The error says why nothing
// was recorded: a call that a capture forbids, or a stream that was drawn in and not waited for.
Result<Graph> end_capture(Stream& stream);

class GraphExec {
 public:
  static Result<GraphExec> instantiate(const Device& device, const Graph& graph);

  CUgraphExec get() const noexcept { return handle_.get(); }
  // Brings the graph to the device ahead of its first launch, which is slower without.
  Status upload(Stream& stream);
  Status launch(Stream& stream);

 private:
  using Handle = DeviceHandle<CUgraphExec, &DriverFunctions::GraphExecDestroy>;
  explicit GraphExec(Handle handle) : handle_(std::move(handle)) {}

  Handle handle_;
};

}  // namespace pyserver::cuda
