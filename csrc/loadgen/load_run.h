// LoadRun: one load run from its start to its numbers.
//
//   start() → (windows(), wait() as often as wanted, stop() to end early) → wait() is true → summary().
//
// Thread-safe; start() is called once. The threads that it starts end by themselves; the destructor abandons what
// is in flight and waits for them.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "loadgen/run_board.h"
#include "loadgen/worker.h"

namespace pyserver::loadgen {

class LoadRun {
 public:
  // INVALID_ARGUMENT with what in the plan cannot be done; RESOURCE_EXHAUSTED where the system has no more descriptors.
  static Result<std::unique_ptr<LoadRun>> create(LoadTarget target, std::shared_ptr<const LoadRequests> requests,
                                                 LoadPlan plan);
  ~LoadRun();

  // Connects; the load begins when it returns. UNAVAILABLE with the reason where a connection cannot be opened,
  // RESOURCE_EXHAUSTED where the system has no more threads: then the run is over.
  // FAILED_PRECONDITION where it was started before.
  Status start();
  // Whether the run has ended; waits for that.
  bool wait(std::chrono::nanoseconds patience);
  // Nothing new is sent; what is in flight is waited for, as long as the plan says.
  void stop();

  // Those that are complete, in order, and were not given out before.
  std::vector<std::unique_ptr<Window>> windows() { return board_.take_windows(); }
  // FAILED_PRECONDITION before the end.
  Result<LoadSummary> summary();

 private:
  LoadRun(LoadTarget target, std::shared_ptr<const LoadRequests> requests, LoadPlan plan);
  Status make_workers();
  Status start_threads();
  void order(RunOrder order);
  void join();

  const LoadTarget target_;
  const std::shared_ptr<const LoadRequests> requests_;
  const LoadPlan plan_;
  const std::unique_ptr<Http2RequestHead> grpc_head_;
  const std::string http1_head_;
  RunBoard board_;
  std::atomic<RunOrder> order_{RunOrder::kGo};
  std::atomic<bool> started_{false};
  std::vector<std::unique_ptr<Worker>> workers_;  // made once, before anybody can call
  std::vector<std::thread> threads_;
};

}  // namespace pyserver::loadgen
