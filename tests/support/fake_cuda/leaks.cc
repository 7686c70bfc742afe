// Leaks, reported at exit or when asked for.
#include "leaks.h"

#include "exported.h"
#include "text.h"
#include "world.h"

namespace fake_cuda {
namespace {

template <typename Object>
void append_living(const Registry<Object>& registry, int device, const char* kind, std::vector<std::string>& names) {
  for (const auto& [handle, object] : registry.all()) {
    if (device >= 0 && object->device != device) continue;
    names.push_back(text(kind, " of device ", object->device, ", from ", *object->created_by));
  }
}

// At the end of the process: after everything that ends objects by itself.
__attribute__((destructor)) void report_at_exit() {
  World& world = fake_cuda::world();
  const std::lock_guard lock(world.mutex);
  if (!world.initialised || world.faults.collecting()) return;
  world.ended = true;
  if (!world.report_leaks) return;
  const std::vector<std::string> leaks = living_objects(-1);
  for (const std::string& leak : leaks) world.faults.note("at the end of the process there is still " + leak);
  if (!leaks.empty()) end_process();
}

}  // namespace

std::vector<std::string> living_objects(int device) {
  World& world = fake_cuda::world();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < world.devices.size(); ++i) {
    const DeviceState& state = world.devices[i];
    if (device < 0 && state.retained > 0) {
      names.push_back(
          text("the context of device ", i, ", retained ", state.retained, " times, first by ", *state.retained_by));
    }
  }
  append_living(world.streams, device, "a stream", names);
  append_living(world.events, device, "an event", names);
  append_living(world.graphs, device, "a graph", names);
  append_living(world.execs, device, "a graph that is ready to launch", names);
  append_living(world.modules, device, "a module", names);
  world.memory.each([&](const std::shared_ptr<Block>& block) {
    if (block->living() && (device < 0 || block->device == device)) names.push_back(block->name());
  });
  return names;
}

}  // namespace fake_cuda

using namespace fake_cuda;

std::size_t fakeReportLeaks() {
  World& world = fake_cuda::world();
  const std::lock_guard lock(world.mutex);
  const std::vector<std::string> leaks = living_objects(-1);
  for (const std::string& leak : leaks) world.faults.note("there is still " + leak);
  return leaks.size();
}
