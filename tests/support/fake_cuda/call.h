// Call: one call of the driver API by the program under test: what every function checks first, and how it refuses.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "world.h"

namespace fake_cuda {

enum CallRule : unsigned {
  kAnytime = 0,
  kNeedsInit = 1,
  kNeedsContext = 2 | kNeedsInit,
  kNotInCapture = 4,  // what the driver calls potentially unsafe: it may wait for, or order itself with, all streams
  kReleases = 8,      // happens also where the device has failed, or a failure was planted for any function
};

class Call {
 public:
  // Holds the world's mutex from then on.
  Call(const char* function, unsigned rules);

  // Whether the function must return result() and do nothing.
  bool refused() const { return result_ != CUDA_SUCCESS && !released_anyway_; }
  CUresult result() const { return result_; }

  World& state() { return world_; }
  std::unique_lock<std::mutex>& lock() { return lock_; }
  const char* function() const { return function_; }
  const Label& label() const { return label_; }
  int device() const { return device_; }  // whose context is current

  // Reports a fault of this call and returns `result`. The text goes on after the name of the call.
  CUresult fault(const std::string& text, CUresult result);

  // Null where it is unknown, or of another context: then a fault was reported and result() says so.
  std::shared_ptr<Stream> stream(CUstream handle);
  std::shared_ptr<Event> event(CUevent handle);
  std::shared_ptr<Graph> graph(CUgraph handle);
  std::shared_ptr<GraphExec> exec(CUgraphExec handle);
  std::shared_ptr<Module> module(CUmodule handle);
  std::shared_ptr<Function> function(CUfunction handle);

 private:
  template <typename T>
  std::shared_ptr<T> known(const Registry<T>& registry, const void* handle, const char* kind);
  template <typename T>
  std::shared_ptr<T> of_this_context(std::shared_ptr<T> object, const char* kind);
  void check_capture();
  bool planted_failure(const char* function, unsigned rules);

  World& world_;
  const char* const function_;
  std::unique_lock<std::mutex> lock_;
  Label label_;
  int device_ = -1;
  CUresult result_ = CUDA_SUCCESS;
  bool released_anyway_ = false;
};

// Marks this thread as one that runs a host function, which must not call CUDA.
class HostFunctionScope {
 public:
  HostFunctionScope();
  ~HostFunctionScope();
};

}  // namespace fake_cuda
