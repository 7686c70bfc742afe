// RunBoard: where the threads of a run meet: they report that they are connected, get the common start, hand over their
// windows, and report what they did.
//
// Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "loadgen/recorder.h"

namespace pyserver::loadgen {

struct LoadSummary {
  Nanos elapsed = 0;  // of the measured part: to the end of the load, or to the last answer where that came later
  Nanos cpu = 0;      // of the threads, in the measured part
  std::uint64_t connections_opened = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t most_in_flight = 0;  // at once; of several threads, the sum
  ErrorExamples errors;
};

class RunBoard {
 public:
  explicit RunBoard(std::size_t workers) : outboxes_(workers) {}

  // A worker is connected, or cannot be. Then it waits: the common start (of the steady clock), nothing where the run
  // does not take place.
  std::optional<Nanos> report_and_await_start(const Status& connected);
  // Waits for all reports. Where all are OK the run starts; else the first problem, and no worker starts.
  Status await_connected();
  // Instead: no worker starts, for this reason.
  void call_off(const Status& reason);

  void hand_over(std::size_t worker, std::vector<std::unique_ptr<Window>> windows);
  // The worker's last word. `last_moment`: of the load's end and of its last answer, the later.
  void report_end(std::size_t worker, const LoadSummary& its, Nanos last_moment);

  // Whether all workers have ended; waits for that.
  bool await_end(std::chrono::nanoseconds patience);
  // Windows that all workers are done with, in order, that were not taken before.
  std::vector<std::unique_ptr<Window>> take_windows();
  // After the end.
  LoadSummary summary(Nanos measured_from) const;

 private:
  struct Outbox {
    std::deque<std::unique_ptr<Window>> windows;
    bool ended = false;
  };

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::vector<Outbox> outboxes_;
  std::size_t connected_ = 0;
  std::size_t ended_ = 0;
  Status problem_;
  bool decided_ = false;
  std::optional<Nanos> start_;
  LoadSummary summary_;
  Nanos last_moment_ = 0;
  std::size_t next_window_ = 0;
};

}  // namespace pyserver::loadgen
