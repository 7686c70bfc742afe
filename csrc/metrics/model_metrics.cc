#include "metrics/model_metrics.h"

#include <chrono>

namespace pyserver {
namespace {

constexpr std::uint64_t kNanosecondsPerMicrosecond = 1000;

std::uint64_t unix_milliseconds() noexcept {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count());
}

bool is_tracked(std::int64_t rows) noexcept { return rows >= 0 && rows <= ModelMetrics::kTrackedRows; }

}  // namespace

void ModelMetrics::record_request(const RequestRecord& record) noexcept {
  const auto code = static_cast<std::size_t>(record.code);
  // A number that is no code counts as UNKNOWN.
  const bool known = code < requests_by_code_.size();
  requests_by_code_[known ? code : static_cast<std::size_t>(StatusCode::kUnknown)].add();
  if (record.queue_ns > 0) {
    queue_ns_.add(record.queue_ns);
    queue_count_.add();
    queue_us_.record(record.queue_ns / kNanosecondsPerMicrosecond);
  }
  if (record.code == StatusCode::kOk) {
    success_ns_.add(record.total_ns);
    // Only answers: refusals take microseconds, and would make an overloaded server look fast.
    latency_us_.record(record.total_ns / kNanosecondsPerMicrosecond);
  } else {
    failure_ns_.add(record.total_ns);
  }
}

void ModelMetrics::record_batch(const BatchRecord& record) noexcept {
  if (!record.ok) return;
  inferences_.add(static_cast<std::uint64_t>(record.rows));
  batches_.add();
  executed_requests_.add(record.requests);
  gather_ns_.add(record.gather_ns);
  execute_ns_.add(record.execute_ns);
  execute_us_.record(record.execute_ns / kNanosecondsPerMicrosecond);
  batch_rows_.record(static_cast<std::uint64_t>(record.rows));
  last_inference_unix_ms_.store(unix_milliseconds(), std::memory_order_relaxed);
  if (!is_tracked(record.rows)) return;
  BatchSizeCounters& size = batch_sizes_[static_cast<std::size_t>(record.rows)];
  size.batches.add();
  size.gather_ns.add(record.gather_ns);
  size.execute_ns.add(record.execute_ns);
}

void ModelMetrics::record_answers(std::int64_t rows, std::uint64_t respond_ns) noexcept {
  respond_ns_.add(respond_ns);
  if (is_tracked(rows)) batch_sizes_[static_cast<std::size_t>(rows)].respond_ns.add(respond_ns);
}

ModelMetricsSnapshot ModelMetrics::snapshot() const {
  ModelMetricsSnapshot copy;
  for (std::size_t code = 0; code < requests_by_code_.size(); ++code) {
    copy.requests_by_code[code] = requests_by_code_[code].value();
  }
  copy.success_ns = success_ns_.value();
  copy.failure_ns = failure_ns_.value();
  copy.queue_ns = queue_ns_.value();
  copy.queue_count = queue_count_.value();
  copy.inferences = inferences_.value();
  copy.batches = batches_.value();
  copy.gather_ns = gather_ns_.value();
  copy.execute_ns = execute_ns_.value();
  copy.respond_ns = respond_ns_.value();
  copy.executed_requests = executed_requests_.value();
  copy.copied_inputs = copied_inputs.value();
  copy.split_batches = split_batches.value();
  copy.dropped_expired = dropped_expired.value();
  copy.dropped_cancelled = dropped_cancelled.value();
  copy.group_switches = group_switches.value();
  copy.last_inference_unix_ms = last_inference_unix_ms_.load(std::memory_order_relaxed);
  copy.latency_us = latency_us_.snapshot();
  copy.queue_us = queue_us_.snapshot();
  copy.execute_us = execute_us_.snapshot();
  copy.batch_rows = batch_rows_.snapshot();
  for (std::size_t rows = 0; rows < batch_sizes_.size(); ++rows) {
    const BatchSizeCounters& size = batch_sizes_[rows];
    if (size.batches.value() == 0) continue;
    copy.batch_sizes.push_back(
        {rows, size.batches.value(), size.gather_ns.value(), size.execute_ns.value(), size.respond_ns.value()});
  }
  return copy;
}

}  // namespace pyserver
