#include "engines/cuda_graph/bucket_plan.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace pyserver {
namespace {

Status check_sizes(std::string_view what, std::span<const std::int64_t> sizes, std::int64_t largest) {
  for (const std::int64_t size : sizes) {
    if (size < 1 || size > largest) {
      return invalid_argument(concat(what, ": expected sizes from 1 to ", largest, ", got ", size));
    }
  }
  return {};
}

}  // namespace

Result<BucketPlan> BucketPlan::create(std::int64_t max_batch_size, std::span<const std::int64_t> given,
                                      std::span<const std::int64_t> preferred) {
  if (max_batch_size < 0) {
    return invalid_argument(concat("max_batch_size must not be negative, got ", max_batch_size));
  }
  const std::int64_t largest = std::max<std::int64_t>(1, max_batch_size);
  PYSERVER_RETURN_IF_ERROR(check_sizes("buckets", given, largest));
  PYSERVER_RETURN_IF_ERROR(check_sizes("preferred sizes", preferred, largest));
  std::vector<std::int64_t> buckets(given.begin(), given.end());
  if (given.empty()) {
    for (std::int64_t size = 1; size < largest; size *= 2) {
      buckets.push_back(size);
      if (size > largest / 2) break;  // the next would be above, or overflow
    }
    buckets.insert(buckets.end(), preferred.begin(), preferred.end());
  }
  buckets.push_back(largest);
  std::ranges::sort(buckets);
  const auto repeated = std::ranges::unique(buckets);
  buckets.erase(repeated.begin(), repeated.end());
  if (buckets.size() > kMostBuckets) {
    return invalid_argument(concat("expected at most ", kMostBuckets, " buckets, got ", buckets.size()));
  }
  return BucketPlan(std::move(buckets));
}

std::optional<std::size_t> BucketPlan::index_for(std::int64_t rows) const noexcept {
  if (rows < 1 || rows > largest()) return std::nullopt;
  return static_cast<std::size_t>(std::ranges::lower_bound(buckets_, rows) - buckets_.begin());
}

std::optional<std::size_t> BucketPlan::index_of(std::int64_t rows) const noexcept {
  const std::optional<std::size_t> index = index_for(rows);
  if (index && buckets_[*index] != rows) return std::nullopt;
  return index;
}

}  // namespace pyserver
