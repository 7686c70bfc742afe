// BucketPlan: for how many rows graphs are captured, and which of them executes a batch. A value.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"

namespace pyserver {

class BucketPlan {
 public:
  // More graphs than this, of one profile, would cost more memory than padding costs time.
  static constexpr std::size_t kMostBuckets = 256;

  // `given`: these; the largest batch is added, since otherwise it could not be executed. None given: the powers of
  // two up to the largest batch, that itself, and `preferred` sizes. A model that does not batch (0) has one bucket of
  // one row. INVALID_ARGUMENT for sizes that no batch has.
  static Result<BucketPlan> create(std::int64_t max_batch_size, std::span<const std::int64_t> given,
                                   std::span<const std::int64_t> preferred);

  // Rising.
  std::span<const std::int64_t> buckets() const noexcept { return buckets_; }
  std::size_t count() const noexcept { return buckets_.size(); }
  std::int64_t largest() const noexcept { return buckets_.back(); }

  // The index of the smallest bucket that holds `rows` rows; the rest of it is padding. None where rows is below 1 or
  // above the largest.
  std::optional<std::size_t> index_for(std::int64_t rows) const noexcept;
  // The index of the bucket of exactly `rows`.
  std::optional<std::size_t> index_of(std::int64_t rows) const noexcept;

 private:
  explicit BucketPlan(std::vector<std::int64_t> buckets) : buckets_(std::move(buckets)) {}

  std::vector<std::int64_t> buckets_;
};

}  // namespace pyserver
