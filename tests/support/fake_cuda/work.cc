#include "work.h"

#include <utility>

#include "host_sum.h"
#include "text.h"

namespace fake_cuda {
namespace {

std::string bytes_of(std::size_t begin, std::size_t end) { return text("bytes ", begin, " to ", end); }

// What is wrong with a range by itself; empty: nothing.
std::string wrong_range(const Range& range, const Block* block, int device, bool is_device_address) {
  const std::string touched = text(verb_of(range.kind), " ", range.bytes, " bytes at ", hex(range.address));
  if (block == nullptr) {
    return touched +
           (is_device_address ? ", where there is no device memory" : ", which is ordinary memory of the host");
  }
  const std::size_t begin = range.address - block->base;
  if (begin > block->size || range.bytes > block->size - begin) {
    return text(verb_of(range.kind), " ", bytes_of(begin, begin + range.bytes), " of ", block->name(),
                ", which is beyond its end");
  }
  if (!block->living()) {
    return text(verb_of(range.kind), " ", bytes_of(begin, begin + range.bytes), " of ", block->name(), ", which ",
                *block->released_by, " released");
  }
  if (block->where != Where::kHost && block->device != device) {
    return text(touched, " of device ", block->device, ", on a stream of device ", device);
  }
  return {};
}

// Checks the order of range `i`, which is right by itself, and fills what `step` has for it.
void place(Call& call, const Work& work, std::size_t i, Block& block, const std::string& launched, Step& step) {
  const World& world = call.state();
  const Range& range = work.ranges[i];
  const std::size_t begin = range.address - block.base;
  const std::size_t end = begin + range.bytes;
  if (const auto other = block.log.conflict(begin, end, range.kind, step.clock)) {
    call.fault(text(launched, verb_of(range.kind), " ", bytes_of(begin, end), " of ", block.name(), ", of which ",
                    *other->what, " ", verb_of(other->kind), " ", bytes_of(other->begin, other->end),
                    ": nothing orders the two"),
               CUDA_SUCCESS);
  }
  std::byte* const pointer = block.bytes->data() + begin;
  step.pointers[i] = pointer;
  step.kept.push_back(block.bytes);
  // Nothing that runs before this changes the bytes, so the host must not, either. Functions of the host may.
  if (block.where == Where::kHost && !work.is_kernel && world.host_functions == 0 &&
      !block.log.has_running_write(begin, end, world.host)) {
    step.host_sums[i] = host_sum(pointer, range.bytes);
  }
}

}  // namespace

Label label_on(const Call& call, const Stream& stream) {
  std::string name = *call.label();
  name.pop_back();
  return std::make_shared<const std::string>(text(name, ", stream ", stream.number, ")"));
}

bool prepare(Call& call, const Work& work, const Clock& clock, Agent agent, std::uint64_t time, Step& step) {
  World& world = call.state();
  // Of a graph, what was captured by another call.
  const std::string launched = work.what->starts_with(call.function()) ? "" : "launches " + *work.what + ", which ";
  std::vector<std::shared_ptr<Block>> blocks;
  bool right = true;
  for (const Range& range : work.ranges) {
    // A range without bytes touches nothing, wherever it is.
    blocks.push_back(range.bytes == 0 ? nullptr : world.memory.find(range.address));
    if (range.bytes == 0) continue;
    const bool is_device_address = world.memory.is_device_address(range.address);
    const std::string wrong = wrong_range(range, blocks.back().get(), call.device(), is_device_address);
    if (wrong.empty()) continue;
    call.fault(launched + wrong, CUDA_ERROR_ILLEGAL_ADDRESS);
    right = false;
  }
  if (!right) return false;
  step.work = work;
  step.clock = clock;
  step.host_sums.resize(work.ranges.size());
  step.pointers.resize(work.ranges.size());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i]) place(call, work, i, *blocks[i], launched, step);
  }
  // Last, for what one step does to the same bytes has no order and needs none.
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const Range& range = work.ranges[i];
    if (!blocks[i]) continue;
    const std::size_t begin = range.address - blocks[i]->base;
    blocks[i]->log.add({begin, begin + range.bytes, range.kind, agent, time, work.what}, world.host);
  }
  if (work.is_host_function) ++world.host_functions;
  return true;
}

CUresult enqueue(Call& call, const std::shared_ptr<Stream>& stream, Work work) {
  if (stream->capture) {
    if (stream->capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    Graph& graph = *stream->capture->graph;
    graph.nodes.push_back({.work = std::move(work), .child = nullptr, .after = stream->tail});
    stream->tail = {graph.nodes.size() - 1};
    return CUDA_SUCCESS;
  }
  stream->clock.join(call.state().host);
  const std::uint64_t time = stream->clock.tick(stream->agent);
  Entry entry;
  if (!prepare(call, work, stream->clock, stream->agent, time, entry.steps.emplace_back())) {
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  }
  stream->queue.push_back(std::move(entry));
  stream->wake.notify_all();
  return CUDA_SUCCESS;
}

std::shared_ptr<Point> enqueue_point(Call& call, Stream& stream) {
  stream.clock.join(call.state().host);
  const auto point = std::make_shared<Point>();
  point->clock = stream.clock;
  stream.queue.push_back({.steps = {}, .begins_after = nullptr, .point = point});
  stream.wake.notify_all();
  return point;
}

void enqueue_wait(Stream& stream, std::shared_ptr<Point> point) {
  stream.clock.join(point->clock);
  stream.queue.push_back({.steps = {}, .begins_after = std::move(point), .point = nullptr});
  stream.wake.notify_all();
}

CUresult wait_on_host(Call& call, const std::shared_ptr<Point>& point) {
  call.state().progress.wait(call.lock(), [&] { return point->reached; });
  call.state().host.join(point->clock);
  return point->failed;
}

}  // namespace fake_cuda
