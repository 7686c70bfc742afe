// All that the double knows. One mutex guards everything; streams do their work without it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "happens_before.h"
#include "memory.h"
#include "objects.h"
#include "report.h"

namespace fake_cuda {

// Objects by their handles, which are numbers that are never given twice.
template <typename T>
class Registry {
 public:
  explicit Registry(std::uintptr_t first) : next_(first) {}
  void* add(const std::shared_ptr<T>& object) {
    const std::uintptr_t handle = next_;
    next_ += 16;
    objects_[handle] = object;
    return reinterpret_cast<void*>(handle);
  }
  // Null where it was destroyed, or never was.
  std::shared_ptr<T> find(const void* handle) const {
    const auto found = objects_.find(reinterpret_cast<std::uintptr_t>(handle));
    return found == objects_.end() ? nullptr : found->second;
  }
  bool was(const void* handle) const {
    const auto number = reinterpret_cast<std::uintptr_t>(handle);
    return number < next_ && number / kKind == next_ / kKind;
  }
  void remove(const void* handle) { objects_.erase(reinterpret_cast<std::uintptr_t>(handle)); }
  const std::map<std::uintptr_t, std::shared_ptr<T>>& all() const { return objects_; }

  // Handles of one kind share their upper bits.
  static constexpr std::uintptr_t kKind = std::uintptr_t{1} << 32;

 private:
  std::uintptr_t next_;
  std::map<std::uintptr_t, std::shared_ptr<T>> objects_;
};

struct DeviceState {
  int retained = 0;  // the primary context; it exists while > 0
  Label retained_by;
  std::size_t used_bytes = 0;
  CUresult failed = CUDA_SUCCESS;  // what every call returns since a kernel failed
};

struct Injection {
  std::string function;
  std::size_t after = 0;
  CUresult result = CUDA_SUCCESS;
  bool armed = false;
};

struct World {
  std::mutex mutex;
  std::condition_variable progress;  // a stream has done something
  bool initialised = false;
  bool ended = false;
  bool report_leaks = true;
  std::size_t memory_bytes = 0;  // of each device
  std::vector<DeviceState> devices;
  MemoryMap memory;
  Registry<Stream> streams{1 * Registry<Stream>::kKind};
  Registry<Event> events{2 * Registry<Event>::kKind};
  Registry<Graph> graphs{3 * Registry<Graph>::kKind};
  Registry<GraphExec> execs{4 * Registry<GraphExec>::kKind};
  Registry<Module> modules{5 * Registry<Module>::kKind};
  Registry<Function> functions{6 * Registry<Function>::kKind};
  Clock host;  // what the host knows to be done
  Agent next_agent = kHostAgent + 1;
  std::size_t stream_count = 0;
  std::size_t host_functions = 0;  // enqueued and not yet run
  std::vector<std::shared_ptr<Capture>> captures;
  Faults faults;
  std::map<std::string, std::size_t, std::less<>> calls;
  std::size_t all_calls = 0;
  std::size_t pageable_copies = 0;
  Injection injection;
};

// Never destroyed: threads of streams outlive main().
World& world();

CUcontext context_of(int device);
// -1: none is current on this thread.
int current_device();

}  // namespace fake_cuda
