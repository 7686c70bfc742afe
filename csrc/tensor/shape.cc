#include "tensor/shape.h"

#include <algorithm>

#include "base/text.h"

namespace pyserver {

Shape::Shape(std::span<const std::int64_t> dimensions) noexcept : rank_(std::min(dimensions.size(), kMaxRank)) {
  std::copy_n(dimensions.begin(), rank_, dimensions_.begin());
}

bool Shape::push_back(std::int64_t dimension) noexcept {
  if (rank_ == kMaxRank) return false;
  dimensions_[rank_++] = dimension;
  return true;
}

Shape Shape::with_front(std::int64_t dimension) const noexcept {
  Shape shape{dimension};
  for (std::int64_t d : dimensions()) shape.push_back(d);
  return shape;
}

Shape Shape::without_front() const noexcept { return Shape(dimensions().subspan(1)); }

std::optional<std::int64_t> Shape::element_count() const noexcept {
  std::int64_t count = 1;
  bool overflow = false;
  bool empty = false;
  for (std::int64_t dimension : dimensions()) {
    if (dimension < 0) return std::nullopt;
    // An empty tensor is empty however large its other dimensions are, in whatever order they come.
    empty |= dimension == 0;
    overflow |= __builtin_mul_overflow(count, dimension, &count);
  }
  if (empty) return 0;
  if (overflow) return std::nullopt;
  return count;
}

bool Shape::has_free_dimension() const noexcept {
  return std::ranges::any_of(dimensions(), [](std::int64_t d) { return d == kFreeDimension; });
}

bool Shape::admits(const Shape& actual) const noexcept {
  return std::ranges::equal(dimensions(), actual.dimensions(), [](std::int64_t wanted, std::int64_t got) {
    return wanted == kFreeDimension || wanted == got;
  });
}

bool operator==(const Shape& a, const Shape& b) noexcept { return std::ranges::equal(a.dimensions(), b.dimensions()); }

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    text += concat(axis == 0 ? "" : ", ", shape[axis]);
  }
  text += ']';
  return text;
}

}  // namespace pyserver
