// Axis: the dimension along which an op works, and the lines of elements that lie along it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "ops/op.h"
#include "ops/op_options.h"

namespace pyserver {

// Where the elements along one axis lie: `outer` groups of `inner` lines, each line `length` elements that are `inner`
// elements apart.
struct AxisLines {
  std::size_t outer = 0;
  std::size_t length = 0;
  std::size_t inner = 0;
};

class Axis {
 public:
  // The option `axis`: from 0 on, or from the end where it is negative; the last one by default.
  static Axis read(OpOptions& options);

  // INVALID_ARGUMENT where the row has no such axis, or nothing lies along it.
  Status check(const RowSpec& row) const;

  // All below only for rows that check() took.

  std::size_t of(const Shape& shape) const noexcept;
  // For the shape of an actual row.
  AxisLines lines_of(const Shape& shape) const noexcept;
  // The shape with another dimension there, or without it.
  Shape with(const Shape& shape, std::optional<std::int64_t> dimension) const noexcept;

 private:
  explicit Axis(std::int64_t axis) : axis_(axis) {}

  std::int64_t axis_;
};

// Refuses all datatypes but FP16, BF16, FP32 and FP64.
Status expect_floats(const RowSpec& row);
// Refuses BYTES.
Status expect_numbers(const RowSpec& row);

}  // namespace pyserver
