#include "ops/axis.h"

#include "base/text.h"
#include "ops/element.h"

namespace pyserver {

Axis Axis::read(OpOptions& options) {
  constexpr std::int64_t kMost = Shape::kMaxRank;
  return Axis(options.integer("axis", -1, -kMost, kMost - 1));
}

Status Axis::check(const RowSpec& row) const {
  const auto rank = static_cast<std::int64_t>(row.shape.rank());
  if (axis_ >= rank || axis_ < -rank) {
    return invalid_argument(concat("expected a row with an axis ", axis_, ", got ", to_string(row)));
  }
  if (row.shape[of(row.shape)] == 0) {
    return invalid_argument(concat("expected at least one element along axis ", axis_, ", got ", to_string(row)));
  }
  return {};
}

std::size_t Axis::of(const Shape& shape) const noexcept {
  return static_cast<std::size_t>(axis_ < 0 ? axis_ + static_cast<std::int64_t>(shape.rank()) : axis_);
}

AxisLines Axis::lines_of(const Shape& shape) const noexcept {
  const std::size_t axis = of(shape);
  AxisLines lines{1, static_cast<std::size_t>(shape[axis]), 1};
  for (std::size_t at = 0; at < shape.rank(); ++at) {
    // A row without elements has no lines, however large its other dimensions are.
    if (shape[at] == 0) return {0, lines.length, 0};
  }
  for (std::size_t at = 0; at < axis; ++at) lines.outer *= static_cast<std::size_t>(shape[at]);
  for (std::size_t at = axis + 1; at < shape.rank(); ++at) lines.inner *= static_cast<std::size_t>(shape[at]);
  return lines;
}

Shape Axis::with(const Shape& shape, std::optional<std::int64_t> dimension) const noexcept {
  const std::size_t axis = of(shape);
  Shape changed;
  for (std::size_t at = 0; at < shape.rank(); ++at) {
    if (at != axis) {
      changed.push_back(shape[at]);
    } else if (dimension) {
      changed.push_back(*dimension);
    }
  }
  return changed;
}

Status expect_floats(const RowSpec& row) {
  if (is_float(row.datatype)) return {};
  return invalid_argument(concat("expected FP16, BF16, FP32 or FP64, got ", to_string(row)));
}

Status expect_numbers(const RowSpec& row) {
  if (row.datatype != Datatype::kBytes) return {};
  return invalid_argument(concat("expected numbers, got ", to_string(row)));
}

}  // namespace pyserver
