// Window: what became of the requests that were due within one stretch of a run. A value; thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "loadgen/error_kind.h"
#include "loadgen/latency_counts.h"
#include "loadgen/ledger_sums.h"
#include "loadgen/plan.h"

namespace pyserver::loadgen {

struct Window {
  std::size_t index = 0;  // in the grid
  Nanos start = 0;
  Nanos end = 0;
  bool warmup = false;

  // sent = answered + failed + lost, once all of them have ended.
  std::uint64_t sent = 0;      // that were due
  std::uint64_t answered = 0;  // well
  std::uint64_t failed = 0;
  std::uint64_t lost = 0;  // neither, in the time that there was
  std::vector<std::pair<ErrorKind, std::uint64_t>> errors;
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
  LatencyCounts latency;  // of `answered`, from due to the answer's last byte
  LatencyCounts lag;      // open loop: from due until it was handed to a connection
  LedgerSums ledger;

  std::uint64_t ended() const noexcept { return answered + failed + lost; }
  void add_error(ErrorKind kind, std::uint64_t count);
  // Of the same window, by another thread.
  void add(const Window& other);
};

}  // namespace pyserver::loadgen
