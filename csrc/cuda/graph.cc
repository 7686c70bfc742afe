#include "cuda/graph.h"

#include <utility>

namespace pyserver::cuda {
namespace {

constexpr const char* kReleasing = "releasing a graph";

}  // namespace

Graph Graph::borrowed(const Device& device, CUgraph graph) { return {Handle(nullptr, {device, kReleasing}), graph}; }

Result<Graph> Graph::compose(const Device& device, std::span<const Graph* const> graphs) {
  const ContextScope scope(device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  CUgraph composed = nullptr;
  PYSERVER_RETURN_IF_ERROR(device.driver().check(device.api().GraphCreate(&composed, 0), "creating a graph"));
  Handle owned(composed, {device, kReleasing});
  CUgraphNode last = nullptr;
  for (const Graph* graph : graphs) {
    CUgraphNode node = nullptr;
    const CUresult result =
        device.api().GraphAddChildGraphNode(&node, composed, &last, last == nullptr ? 0 : 1, graph->get());
    PYSERVER_RETURN_IF_ERROR(device.driver().check(result, "putting one graph into another"));
    last = node;
  }
  return Graph(std::move(owned), nullptr);
}

Result<Graph> Graph::clone() const {
  const ContextScope scope(device());
  PYSERVER_RETURN_IF_ERROR(scope.status());
  CUgraph copy = nullptr;
  PYSERVER_RETURN_IF_ERROR(device().driver().check(device().api().GraphClone(&copy, get()), "copying a graph"));
  return Graph(Handle(copy, {device(), kReleasing}), nullptr);
}

Result<std::size_t> Graph::node_count() const {
  const ContextScope scope(device());
  PYSERVER_RETURN_IF_ERROR(scope.status());
  std::size_t count = 0;
  PYSERVER_RETURN_IF_ERROR(
      device().driver().check(device().api().GraphGetNodes(get(), nullptr, &count), "counting the nodes of a graph"));
  return count;
}

Status begin_capture(Stream& stream) {
  const ContextScope scope(stream.device());
  PYSERVER_RETURN_IF_ERROR(scope.status());
  return stream.device().driver().check(
      stream.device().api().StreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
      "beginning a capture");
}

Result<Graph> end_capture(Stream& stream) {
  const Device& device = stream.device();
  const ContextScope scope(device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  CUgraph captured = nullptr;
  PYSERVER_RETURN_IF_ERROR(
      device.driver().check(device.api().StreamEndCapture(stream.get(), &captured), "ending a capture"));
  return Graph(Graph::Handle(captured, {device, kReleasing}), nullptr);
}

Result<GraphExec> GraphExec::instantiate(const Device& device, const Graph& graph) {
  const ContextScope scope(device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  CUgraphExec exec = nullptr;
  PYSERVER_RETURN_IF_ERROR(device.driver().check(device.api().GraphInstantiateWithFlags(&exec, graph.get(), 0),
                                                 "making a graph ready to launch"));
  return GraphExec(Handle(exec, {device, "releasing a graph that was ready to launch"}));
}

Status GraphExec::upload(Stream& stream) {
  const ContextScope scope(stream.device());
  PYSERVER_RETURN_IF_ERROR(scope.status());
  return stream.device().driver().check(stream.device().api().GraphUpload(get(), stream.get()),
                                        "bringing a graph to the device");
}

Status GraphExec::launch(Stream& stream) {
  const ContextScope scope(stream.device());
  PYSERVER_RETURN_IF_ERROR(scope.status());
  return stream.device().driver().check(stream.device().api().GraphLaunch(get(), stream.get()), "launching a graph");
}

}  // namespace pyserver::cuda
