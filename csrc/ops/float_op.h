// What ops have in common that turn floats into as many floats of the same datatype.
#pragma once

#include "ops/axis.h"
#include "ops/op.h"

namespace pyserver {

// Number by number.
class FloatOp : public Op {
 public:
  Result<RowSpec> check(const RowSpec& input) const override {
    PYSERVER_RETURN_IF_ERROR(expect_floats(input));
    return input;
  }

  Result<Shape> shape_for(const TensorView& input) const override { return input.shape; }
};

// Line by line along an axis.
class FloatLinesOp : public Op {
 public:
  Result<RowSpec> check(const RowSpec& input) const override {
    PYSERVER_RETURN_IF_ERROR(expect_floats(input));
    PYSERVER_RETURN_IF_ERROR(axis_.check(input));
    return input;
  }

  Result<Shape> shape_for(const TensorView& input) const override {
    PYSERVER_RETURN_IF_ERROR(axis_.check({input.datatype, input.shape}));
    return input.shape;
  }

 protected:
  explicit FloatLinesOp(Axis axis) : axis_(axis) {}

  const Axis axis_;
};

}  // namespace pyserver
