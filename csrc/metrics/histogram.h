// Histogram: a log-linear histogram of non-negative integers, after HdrHistogram (http://hdrhistogram.org): every power
// of two is divided into kSubBuckets equal buckets, so a recorded value is known within 1/kSubBuckets of itself.
//
// record() is lock-free and allocation-free. Thread-safe. A snapshot taken while others record may miss their last
// values, but never shows one that was not recorded.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

namespace pyserver {

// A copy of a histogram's state. A value; thread-compatible.
struct HistogramSnapshot {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::uint64_t max = 0;
  struct Bucket {
    std::uint64_t upper;  // inclusive
    std::uint64_t count;
  };
  std::vector<Bucket> buckets;  // only those that are not empty, by rising value

  // The smallest recorded bucket's upper bound that at least `quantile` (0 to 1) of the values do not exceed, never
  // above `max`; 0 where nothing was recorded.
  std::uint64_t quantile(double quantile) const noexcept;
  double mean() const noexcept { return count == 0 ? 0.0 : static_cast<double>(sum) / static_cast<double>(count); }
};

class Histogram {
 public:
  static constexpr int kSubBucketBits = 4;
  static constexpr int kSubBuckets = 1 << kSubBucketBits;  // ≤ 6.25 % error
  static constexpr int kMaxExponent = 40;                  // larger values count as 2^40 - 1: 12 days in µs
  static constexpr int kBuckets = (kMaxExponent - kSubBucketBits + 1) * kSubBuckets;

  void record(std::uint64_t value) noexcept;
  HistogramSnapshot snapshot() const;

  // The bucket of `value`, and the largest value of a bucket. Exposed for tests.
  static int bucket_of(std::uint64_t value) noexcept;
  static std::uint64_t upper_bound_of(int bucket) noexcept;

 private:
  std::array<std::atomic<std::uint64_t>, kBuckets> counts_{};
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<std::uint64_t> max_{0};
};

}  // namespace pyserver
