// Graphs, made of other graphs, copied, made ready and launched.
#include <algorithm>
#include <utility>

#include "exported.h"
#include "work.h"

using namespace fake_cuda;

namespace {

CUgraphNode handle_of(std::size_t node) { return reinterpret_cast<CUgraphNode>((node + 1) * 16); }
std::size_t node_of(CUgraphNode handle) { return reinterpret_cast<std::uintptr_t>(handle) / 16 - 1; }

void append_all(std::vector<std::size_t>& to, const std::vector<std::size_t>& from) {
  for (const std::size_t node : from) {
    if (std::find(to.begin(), to.end(), node) == to.end()) to.push_back(node);
  }
}

// Appends the nodes of `graph`, and of its children in their place, to `flat`; those without a predecessor come after
// `roots_after`. Returns what comes after all of them must wait for.
std::vector<std::size_t> flatten(const Graph& graph, const std::vector<std::size_t>& roots_after,
                                 std::vector<FlatNode>& flat) {
  std::vector<std::vector<std::size_t>> ends(graph.nodes.size());
  std::vector<bool> is_last(graph.nodes.size(), true);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    std::vector<std::size_t> after = node.after.empty() ? roots_after : std::vector<std::size_t>();
    for (const std::size_t earlier : node.after) {
      append_all(after, ends[earlier]);
      is_last[earlier] = false;
    }
    if (node.child) {
      ends[i] = flatten(*node.child, after, flat);
    } else {
      ends[i] = {flat.size()};
      flat.push_back({.work = node.work, .after = std::move(after)});
    }
  }
  std::vector<std::size_t> last;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (is_last[i]) append_all(last, ends[i]);
  }
  return graph.nodes.empty() ? roots_after : last;
}

// Nodes that come one after another are one agent; a branch is another.
void assign_agents(World& world, std::vector<FlatNode>& nodes) {
  std::vector<bool> is_continued(nodes.size());
  for (FlatNode& node : nodes) {
    const auto free =
        std::find_if(node.after.begin(), node.after.end(), [&](std::size_t i) { return !is_continued[i]; });
    if (free == node.after.end()) {
      node.agent = world.next_agent++;
    } else {
      node.agent = nodes[*free].agent;
      is_continued[*free] = true;
    }
  }
}

CUresult launch(Call& call, GraphExec& exec, Stream& stream) {
  stream.clock.join(call.state().host);
  // The driver lets launches of one graph follow each other, whatever their streams.
  if (exec.last) stream.clock.join(exec.last->clock);
  Entry entry{.steps = {}, .begins_after = exec.last, .point = std::make_shared<Point>()};
  std::vector<Clock> clocks(exec.nodes.size(), stream.clock);
  Clock end = stream.clock;
  for (std::size_t i = 0; i < exec.nodes.size(); ++i) {
    const FlatNode& node = exec.nodes[i];
    for (const std::size_t earlier : node.after) clocks[i].join(clocks[earlier]);
    const std::uint64_t time = clocks[i].tick(node.agent);
    Step& step = entry.steps.emplace_back();
    if (!prepare(call, node.work, clocks[i], node.agent, time, step)) return CUDA_ERROR_ILLEGAL_ADDRESS;
    end.join(clocks[i]);
  }
  stream.clock = end;
  entry.point->clock = end;
  exec.last = entry.point;
  stream.queue.push_back(std::move(entry));
  stream.wake.notify_all();
  return CUDA_SUCCESS;
}

}  // namespace

CUresult CUDAAPI cuGraphCreate(CUgraph* handle, unsigned int) {
  Call call("cuGraphCreate", kNeedsContext);
  if (call.refused()) return call.result();
  const auto graph = std::make_shared<Graph>();
  graph->device = call.device();
  graph->created_by = call.label();
  *handle = static_cast<CUgraph>(call.state().graphs.add(graph));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphDestroy(CUgraph handle) {
  Call call("cuGraphDestroy", kNeedsContext | kReleases);
  if (call.refused()) return call.result();
  if (!call.graph(handle)) return call.result();
  call.state().graphs.remove(handle);
  return call.result();
}

CUresult CUDAAPI cuGraphClone(CUgraph* copy, CUgraph original) {
  Call call("cuGraphClone", kNeedsContext);
  if (call.refused()) return call.result();
  const auto graph = call.graph(original);
  if (!graph) return call.result();
  const auto cloned = std::make_shared<Graph>(*graph);
  cloned->created_by = call.label();
  *copy = static_cast<CUgraph>(call.state().graphs.add(cloned));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphGetNodes(CUgraph handle, CUgraphNode* nodes, std::size_t* count) {
  Call call("cuGraphGetNodes", kNeedsContext);
  if (call.refused()) return call.result();
  const auto graph = call.graph(handle);
  if (!graph) return call.result();
  for (std::size_t i = 0; nodes != nullptr && i < *count; ++i) {
    nodes[i] = i < graph->nodes.size() ? handle_of(i) : nullptr;
  }
  *count = graph->nodes.size();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphAddChildGraphNode(CUgraphNode* node, CUgraph handle, const CUgraphNode* after,
                                          std::size_t after_count, CUgraph child_handle) {
  Call call("cuGraphAddChildGraphNode", kNeedsContext);
  if (call.refused()) return call.result();
  const auto graph = call.graph(handle);
  const auto child = graph ? call.graph(child_handle) : nullptr;
  if (!child) return call.result();
  Node added{.work = {}, .child = std::make_shared<Graph>(*child), .after = {}};
  for (std::size_t i = 0; i < after_count; ++i) {
    if (node_of(after[i]) >= graph->nodes.size()) return CUDA_ERROR_INVALID_VALUE;
    added.after.push_back(node_of(after[i]));
  }
  graph->nodes.push_back(std::move(added));
  *node = handle_of(graph->nodes.size() - 1);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphInstantiateWithFlags(CUgraphExec* handle, CUgraph graph_handle, unsigned long long) {
  Call call("cuGraphInstantiateWithFlags", kNeedsContext);
  if (call.refused()) return call.result();
  const auto graph = call.graph(graph_handle);
  if (!graph) return call.result();
  const auto exec = std::make_shared<GraphExec>();
  exec->device = call.device();
  exec->created_by = call.label();
  flatten(*graph, {}, exec->nodes);
  assign_agents(call.state(), exec->nodes);
  *handle = static_cast<CUgraphExec>(call.state().execs.add(exec));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphUpload(CUgraphExec handle, CUstream stream) {
  Call call("cuGraphUpload", kNeedsContext);
  if (call.refused()) return call.result();
  return call.exec(handle) && call.stream(stream) ? CUDA_SUCCESS : call.result();
}

CUresult CUDAAPI cuGraphLaunch(CUgraphExec handle, CUstream stream_handle) {
  Call call("cuGraphLaunch", kNeedsContext);
  if (call.refused()) return call.result();
  const auto exec = call.exec(handle);
  const auto stream = exec ? call.stream(stream_handle) : nullptr;
  if (!stream) return call.result();
  // The driver would record a child graph; nothing here asks for that.
  if (stream->capture) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  return launch(call, *exec, *stream);
}

CUresult CUDAAPI cuGraphExecDestroy(CUgraphExec handle) {
  Call call("cuGraphExecDestroy", kNeedsContext | kReleases);
  if (call.refused()) return call.result();
  if (!call.exec(handle)) return call.result();
  call.state().execs.remove(handle);
  return call.result();
}
