// What tests ask and tell the double, beside the driver's functions.
#include "exported.h"
#include "world.h"

using namespace fake_cuda;

void fakeCollectFaults(int on) {
  const std::lock_guard lock(world().mutex);
  world().faults.collect(on != 0);
}

std::size_t fakeFaultCount() {
  const std::lock_guard lock(world().mutex);
  return world().faults.count();
}

const char* fakeFault(std::size_t index) {
  const std::lock_guard lock(world().mutex);
  return world().faults.text_of(index);
}

void fakeClearFaults() {
  const std::lock_guard lock(world().mutex);
  world().faults.clear();
}

std::size_t fakeCalls(const char* function) {
  const std::lock_guard lock(world().mutex);
  if (*function == '\0') return world().all_calls;
  const auto found = world().calls.find(std::string_view(function));
  return found == world().calls.end() ? 0 : found->second;
}

std::size_t fakePageableCopies() {
  const std::lock_guard lock(world().mutex);
  return world().pageable_copies;
}

void fakeFailCall(const char* function, std::size_t after, CUresult result) {
  const std::lock_guard lock(world().mutex);
  world().injection = {.function = function, .after = after, .result = result, .armed = result != CUDA_SUCCESS};
}

void fakeHoldStream(CUstream handle) {
  const std::lock_guard lock(world().mutex);
  if (const auto stream = world().streams.find(handle)) stream->held = true;
}

void fakeReleaseStream(CUstream handle) {
  const std::lock_guard lock(world().mutex);
  const auto stream = world().streams.find(handle);
  if (!stream) return;
  stream->held = false;
  stream->wake.notify_all();
}

int fakeStreamIdle(CUstream handle) {
  const std::lock_guard lock(world().mutex);
  const auto stream = world().streams.find(handle);
  return !stream || (!stream->busy && stream->queue.empty()) ? 1 : 0;
}
