// Shape: the dimensions of a tensor, held in place (no allocation). -1 stands for a free dimension in a specification;
// the shape of an actual tensor has none.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

namespace pyserver {

inline constexpr std::int64_t kFreeDimension = -1;

class Shape {
 public:
  static constexpr std::size_t kMaxRank = 16;

  Shape() noexcept = default;
  // At most kMaxRank dimensions.
  Shape(std::initializer_list<std::int64_t> dimensions) noexcept
      : Shape(std::span<const std::int64_t>(dimensions.begin(), dimensions.size())) {}
  explicit Shape(std::span<const std::int64_t> dimensions) noexcept;

  std::size_t rank() const noexcept { return rank_; }
  std::int64_t operator[](std::size_t axis) const noexcept { return dimensions_[axis]; }
  std::int64_t& operator[](std::size_t axis) noexcept { return dimensions_[axis]; }
  std::span<const std::int64_t> dimensions() const noexcept { return {dimensions_.data(), rank_}; }

  // False, and no change, where the rank is kMaxRank already.
  bool push_back(std::int64_t dimension) noexcept;
  // This shape with `dimension` in front. The rank must be below kMaxRank.
  Shape with_front(std::int64_t dimension) const noexcept;
  // This shape without its first dimension. The rank must not be 0.
  Shape without_front() const noexcept;

  // The product of the dimensions (1 for a scalar); nothing where one is negative or the product exceeds INT64_MAX.
  std::optional<std::int64_t> element_count() const noexcept;
  bool has_free_dimension() const noexcept;
  // Whether `actual` has this rank and agrees in every dimension that is not free here.
  bool admits(const Shape& actual) const noexcept;

  friend bool operator==(const Shape& a, const Shape& b) noexcept;

 private:
  std::array<std::int64_t, kMaxRank> dimensions_{};
  std::size_t rank_ = 0;
};

// "[1, -1, 64]"
std::string to_string(const Shape& shape);

}  // namespace pyserver
