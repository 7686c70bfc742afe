#include "latencies.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace probe {
namespace {

double microseconds(Clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); }

// The nearest rank. `sorted` is not empty.
double percentile(const std::vector<double>& sorted, double percent) {
  const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

void write_percentiles(std::ostream& to, std::vector<double> values) {
  if (values.empty()) {
    to << "null";
    return;
  }
  std::sort(values.begin(), values.end());
  to << "{\"p50\": " << percentile(values, 50) << ", \"p90\": " << percentile(values, 90)
     << ", \"p99\": " << percentile(values, 99) << ", \"p99.9\": " << percentile(values, 99.9)
     << ", \"max\": " << values.back() << "}";
}

}  // namespace

void Latencies::add(const Outcome& outcome) {
  ++answered_;
  if (!outcome.ok) {
    ++failed_;
    return;
  }
  least_bytes_ = std::min(least_bytes_, outcome.bytes);
  most_bytes_ = std::max(most_bytes_, outcome.bytes);
  if (outcome.due < from_) return;
  latency_us_.push_back(microseconds(outcome.done - outcome.due));
  lateness_us_.push_back(microseconds(outcome.sent - outcome.due));
}

std::string Latencies::json(std::size_t sent) const {
  std::ostringstream told;
  told.precision(9);
  told << "{\"sent\": " << sent << ", \"answered\": " << answered_ << ", \"failed\": " << failed_
       << ", \"measured\": " << latency_us_.size() << ", \"least_bytes\": " << std::min(least_bytes_, most_bytes_)
       << ", \"most_bytes\": " << most_bytes_ << ", \"latency_us\": ";
  write_percentiles(told, latency_us_);
  told << ", \"lateness_us\": ";
  write_percentiles(told, lateness_us_);
  told << "}";
  return told.str();
}

}  // namespace probe
