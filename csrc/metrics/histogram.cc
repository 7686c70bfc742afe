#include "metrics/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace pyserver {
namespace {

constexpr std::uint64_t kLargestValue = (std::uint64_t{1} << Histogram::kMaxExponent) - 1;

}  // namespace

std::uint64_t HistogramSnapshot::quantile(double quantile) const noexcept {
  if (count == 0) return 0;
  const double share = std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count);
  // At least one value, so that the 0-quantile is the bucket of the smallest.
  const std::uint64_t needed = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(share)));
  std::uint64_t seen = 0;
  for (const Bucket& bucket : buckets) {
    seen += bucket.count;
    if (seen >= needed) return std::min(bucket.upper, max);
  }
  return max;
}

int Histogram::bucket_of(std::uint64_t value) noexcept {
  const std::uint64_t kept = std::min(value, kLargestValue);
  if (kept < kSubBuckets) return static_cast<int>(kept);
  const int shift = std::bit_width(kept) - 1 - kSubBucketBits;  // drops all but the leading 1 + kSubBucketBits bits
  return (shift + 1) * kSubBuckets + static_cast<int>((kept >> shift) & (kSubBuckets - 1));
}

std::uint64_t Histogram::upper_bound_of(int bucket) noexcept {
  if (bucket < kSubBuckets) return static_cast<std::uint64_t>(bucket);
  const int shift = bucket / kSubBuckets - 1;
  const auto leading = static_cast<std::uint64_t>(kSubBuckets + bucket % kSubBuckets);
  return ((leading + 1) << shift) - 1;
}

void Histogram::record(std::uint64_t value) noexcept {
  const std::uint64_t kept = std::min(value, kLargestValue);
  std::uint64_t highest = max_.load(std::memory_order_relaxed);
  while (kept > highest && !max_.compare_exchange_weak(highest, kept, std::memory_order_relaxed)) {
  }
  sum_.fetch_add(kept, std::memory_order_relaxed);
  // Last, and released: whoever sees the value counted also sees it in the sum and the maximum.
  counts_[static_cast<std::size_t>(bucket_of(kept))].fetch_add(1, std::memory_order_release);
}

HistogramSnapshot Histogram::snapshot() const {
  HistogramSnapshot copy;
  for (int bucket = 0; bucket < kBuckets; ++bucket) {
    const std::uint64_t count = counts_[static_cast<std::size_t>(bucket)].load(std::memory_order_acquire);
    if (count == 0) continue;
    copy.count += count;
    copy.buckets.push_back({upper_bound_of(bucket), count});
  }
  copy.sum = sum_.load(std::memory_order_relaxed);
  copy.max = max_.load(std::memory_order_relaxed);
  return copy;
}

}  // namespace pyserver
