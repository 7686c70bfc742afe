// LatencyCounts: a log-linear histogram of nanoseconds, with buckets so narrow that any percentile is known within 0.8
// % (0.4 % at a bucket's middle).
//
// Not csrc/metrics' Histogram: that one is for many threads (atomic) and for 6 % of error. This one belongs to one
// thread, which hands it over when its window is over. Python has the same buckets
// (clients/loadgen/pyserver_loadgen/histogram.py).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace pyserver::loadgen {

class LatencyCounts {
 public:
  static constexpr std::uint64_t kSubBuckets = 128;
  // More counts as this: 73 minutes.
  static constexpr std::uint64_t kLargest = (std::uint64_t{1} << 42) - 1;

  // Up to kSubBuckets a bucket for every value; then kSubBuckets of them for every power of two.
  static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    const std::uint64_t kept = std::min(value, kLargest);
    if (kept < kSubBuckets) return kept;
    const auto exponent = static_cast<unsigned>(std::bit_width(kept) - 8);
    return (exponent + 1) * kSubBuckets + ((kept >> exponent) - kSubBuckets);
  }
  static constexpr std::uint64_t lower_bound_of(std::size_t bucket) noexcept {
    if (bucket < kSubBuckets) return bucket;
    return (kSubBuckets + bucket % kSubBuckets) << (bucket / kSubBuckets - 1);
  }

  // Negative values count as 0.
  void record(std::int64_t value) noexcept {
    const auto kept = static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
    ++counts_[bucket_of(kept)];
    sum_ += kept;
    max_ = std::max(max_, kept);
  }
  void add(const LatencyCounts& other) noexcept {
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) counts_[bucket] += other.counts_[bucket];
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
  }

  // (bucket, count) of those that are not empty, ascending.
  std::vector<std::pair<std::uint32_t, std::uint64_t>> buckets() const {
    std::vector<std::pair<std::uint32_t, std::uint64_t>> filled;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      if (counts_[bucket] > 0) filled.emplace_back(static_cast<std::uint32_t>(bucket), counts_[bucket]);
    }
    return filled;
  }
  std::uint64_t sum() const noexcept { return sum_; }
  std::uint64_t max() const noexcept { return max_; }

 private:
  static constexpr std::size_t kBuckets = (42 - 7 + 1) * kSubBuckets;

  std::array<std::uint32_t, kBuckets> counts_{};
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace pyserver::loadgen
