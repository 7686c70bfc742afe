// ModelMetrics: what one model version counts. Written by the batcher, the runtime and the infer service; read through
// snapshot(). Thread-safe; writing takes no lock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "metrics/counter.h"
#include "metrics/histogram.h"

namespace pyserver {

// One batch, in nanoseconds where not said otherwise.
struct BatchRecord {
  std::int64_t rows = 0;
  std::uint64_t requests = 0;
  std::uint64_t gather_ns = 0;
  std::uint64_t execute_ns = 0;
  bool ok = true;
};

// One answered request.
struct RequestRecord {
  StatusCode code = StatusCode::kOk;
  std::uint64_t queue_ns = 0;  // 0 where it never reached an instance
  std::uint64_t total_ns = 0;  // from its arrival at the core to its answer
};

struct ModelMetricsSnapshot {
  std::array<std::uint64_t, kStatusCodeCount> requests_by_code{};
  std::uint64_t success_ns = 0, failure_ns = 0, queue_ns = 0, queue_count = 0;
  std::uint64_t inferences = 0;  // rows executed well
  std::uint64_t batches = 0;     // batches executed well
  std::uint64_t gather_ns = 0, execute_ns = 0, respond_ns = 0, executed_requests = 0;
  std::uint64_t copied_inputs = 0;      // inputs of a lone request that had to be moved to be aligned
  std::uint64_t split_batches = 0;      // failed, and executed again one request at a time
  std::uint64_t dropped_expired = 0;    // left the queue because their deadline had passed
  std::uint64_t dropped_cancelled = 0;  // left the queue because their caller had gone
  std::uint64_t group_switches = 0;     // changes between groups of instances, as the load changed
  std::uint64_t last_inference_unix_ms = 0;
  // latency_us has the requests answered OK, queue_us those that reached an instance.
  HistogramSnapshot latency_us, queue_us, execute_us, batch_rows;
  // One entry a batch size (rows) that was executed, rising. Sizes above ModelMetrics::kTrackedRows are left out.
  struct BatchSize {
    std::uint64_t rows, batches, gather_ns, execute_ns, respond_ns;
  };
  std::vector<BatchSize> batch_sizes;
};

class ModelMetrics {
 public:
  static constexpr std::int64_t kTrackedRows = 256;

  void record_request(const RequestRecord& record) noexcept;
  // Before the batch is answered: who has an answer finds it counted.
  void record_batch(const BatchRecord& record) noexcept;
  // What splitting and encoding the answers of a batch of so many rows took, of one that was executed well.
  void record_answers(std::int64_t rows, std::uint64_t respond_ns) noexcept;
  Counter copied_inputs, split_batches, dropped_expired, dropped_cancelled, group_switches;

  ModelMetricsSnapshot snapshot() const;

 private:
  struct BatchSizeCounters {
    Counter batches, gather_ns, execute_ns, respond_ns;
  };
  std::array<Counter, kStatusCodeCount> requests_by_code_;
  Counter success_ns_, failure_ns_, queue_ns_, queue_count_;
  Counter inferences_, batches_, gather_ns_, execute_ns_, respond_ns_, executed_requests_;
  std::atomic<std::uint64_t> last_inference_unix_ms_{0};
  Histogram latency_us_, queue_us_, execute_us_, batch_rows_;
  std::array<BatchSizeCounters, kTrackedRows + 1> batch_sizes_;
};

}  // namespace pyserver
