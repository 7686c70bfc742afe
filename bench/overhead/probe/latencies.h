// Latencies: collects outcomes and tells them as one line of JSON. Single-threaded.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "connection.h"

namespace probe {

class Latencies {
 public:
  // Outcomes of requests that were due before `from` are counted and checked, but do not enter the percentiles: then
  // the server was warming up.
  explicit Latencies(Clock::time_point from) : from_(from) {}

  void add(const Outcome& outcome);
  std::size_t answered() const noexcept { return answered_; }

  // Microseconds by percentile: from when a request was due to the end of its answer, and how late it was sent, which
  // is the fault of this client or of a full connection and is part of the former. `sent`: all that were sent.
  std::string json(std::size_t sent) const;

 private:
  const Clock::time_point from_;
  std::vector<double> latency_us_;
  std::vector<double> lateness_us_;
  std::size_t answered_ = 0;
  std::size_t failed_ = 0;
  std::size_t least_bytes_ = static_cast<std::size_t>(-1);
  std::size_t most_bytes_ = 0;
};

}  // namespace probe
