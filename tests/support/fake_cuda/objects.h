// What lies behind the handles of the driver API. Guarded by the world's mutex, except where said.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "exported.h"
#include "happens_before.h"
#include "memory.h"

namespace fake_cuda {

// A range that work touches, as it was named.
struct Range {
  CUdeviceptr address = 0;
  std::size_t bytes = 0;
  int kind = 0;
};

// One kernel, copy or host function, as it was asked for. A graph keeps it, and gives it to each launch.
struct Work {
  Label what;
  std::vector<Range> ranges;
  // Called on the stream's thread with a host pointer for each range. What it returns fails the device.
  std::function<CUresult(void* const* pointers)> run;
  bool is_kernel = false;         // may touch what it did not declare
  bool is_host_function = false;  // runs code of the host
};

// A moment of a stream: what was recorded as an event, or the end of what somebody waits for.
struct Point {
  bool reached = false;
  CUresult failed = CUDA_SUCCESS;
  std::chrono::steady_clock::time_point time;
  Clock clock;
};

// Work whose ranges are known to be right, on its way through a stream.
struct Step {
  Work work;
  std::vector<void*> pointers;
  std::vector<std::shared_ptr<Bytes>> kept;  // alive until it has run, whatever the program releases
  std::vector<std::uint64_t> host_sums;      // by range; 0: not compared
  Clock clock;
};

struct Entry {
  std::vector<Step> steps;              // of a graph, several
  std::shared_ptr<Point> begins_after;  // may be null
  std::shared_ptr<Point> point;         // reached when all is done; may be null
};

struct Capture;

struct Stream {
  std::size_t number = 0;
  int device = 0;
  Label created_by;
  Agent agent = 0;
  Clock clock;
  std::deque<Entry> queue;
  bool busy = false;
  bool held = false;
  bool destroyed = false;
  std::condition_variable wake;
  std::shared_ptr<Capture> capture;  // while it captures
  std::vector<std::size_t> tail;     // the nodes that its next node depends on
};

struct Event {
  int device = 0;
  Label created_by;
  bool timing = false;
  std::shared_ptr<Point> point;    // the latest record; null: none
  std::weak_ptr<Capture> capture;  // of a record under capture
  std::vector<std::size_t> nodes;
  bool captured = false;
};

struct Graph;

struct Node {
  Work work;                     // without a function for a child or an empty node
  std::shared_ptr<Graph> child;  // a copy
  std::vector<std::size_t> after;
};

struct Graph {
  int device = 0;
  Label created_by;
  std::vector<Node> nodes;  // each after those that it depends on
};

struct FlatNode {
  Work work;
  std::vector<std::size_t> after;
  Agent agent = 0;
};

struct GraphExec {
  int device = 0;
  Label created_by;
  std::vector<FlatNode> nodes;
  std::shared_ptr<Point> last;  // of the latest launch
};

struct Capture {
  std::shared_ptr<Graph> graph;
  std::weak_ptr<Stream> origin;
  std::vector<std::weak_ptr<Stream>> streams;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  std::thread::id thread;
  bool invalid = false;
};

struct Module {
  int device = 0;
  Label created_by;
  void* library = nullptr;
  int file = -1;  // open as long as the library: the loader takes the same path for the same library
  const FakeModuleKernel* kernels = nullptr;
  std::size_t kernel_count = 0;
  ~Module();
};

struct Function {
  std::weak_ptr<Module> module;
  int device = 0;
  const FakeModuleKernel* kernel = nullptr;
};

}  // namespace fake_cuda
