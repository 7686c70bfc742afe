// What a stream's thread does.
#include <utility>
#include <vector>

#include "host_sum.h"
#include "text.h"
#include "work.h"

namespace fake_cuda {
namespace {

// The text of a fault; empty: none. Without the mutex, for it looks at memory that only this step uses now.
std::string changed_host_memory(const Step& step) {
  for (std::size_t i = 0; i < step.pointers.size(); ++i) {
    const Range& range = step.work.ranges[i];
    if (step.host_sums[i] == 0) continue;
    if (host_sum(static_cast<const std::byte*>(step.pointers[i]), range.bytes) == step.host_sums[i]) continue;
    return text(*step.work.what, " ", verb_of(range.kind), " ", range.bytes, " bytes of page-locked memory at ",
                hex(range.address), ", which the host changed before it had run");
  }
  return {};
}

std::string broken_guards(const Step& step) {
  if (!step.work.is_kernel) return {};
  bool intact = true;
  for (const auto& bytes : step.kept) {
    if (bytes->guards_intact()) continue;
    bytes->restore_guards();
    intact = false;
  }
  return intact ? "" : *step.work.what + " writes beyond the memory that it was given";
}

void run_step(World& world, std::unique_lock<std::mutex>& lock, Stream& stream, const Step& step) {
  CUresult& failed = world.devices[static_cast<std::size_t>(stream.device)].failed;
  if (step.work.is_host_function) --world.host_functions;
  if (failed != CUDA_SUCCESS) return;
  // From here on the host's code knows what came before.
  if (step.work.is_host_function) world.host.join(step.clock);
  lock.unlock();
  std::string fault = changed_host_memory(step);
  const CUresult result = step.work.run ? step.work.run(step.pointers.data()) : CUDA_SUCCESS;
  if (fault.empty()) fault = broken_guards(step);
  lock.lock();
  if (!fault.empty()) world.faults.report(fault);
  if (failed == CUDA_SUCCESS) failed = result;
}

}  // namespace

void run_stream(std::shared_ptr<Stream> stream) {
  World& world = fake_cuda::world();
  std::unique_lock lock(world.mutex);
  while (true) {
    stream->wake.wait(lock, [&] { return stream->queue.empty() ? stream->destroyed : !stream->held; });
    if (stream->queue.empty()) return;
    const Entry entry = std::move(stream->queue.front());
    stream->queue.pop_front();
    stream->busy = true;
    if (entry.begins_after) world.progress.wait(lock, [&] { return entry.begins_after->reached; });
    for (const Step& step : entry.steps) run_step(world, lock, *stream, step);
    if (entry.point) {
      entry.point->reached = true;
      entry.point->failed = world.devices[static_cast<std::size_t>(stream->device)].failed;
      entry.point->time = std::chrono::steady_clock::now();
    }
    stream->busy = false;
    world.progress.notify_all();
  }
}

}  // namespace fake_cuda
