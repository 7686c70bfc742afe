// PixelOp: the ops that change the values of pixels and the order of their dimensions: normalize, cast, to_tensor,
// layout. Several of them after a picture of UINT8 are one pass over it (pixel_pass.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ops/op.h"
#include "ops/pixel_pass.h"
#include "ops/pixel_step.h"

namespace pyserver {

class PixelOp final : public Op {
 public:
  // At least one step.
  explicit PixelOp(PixelSteps steps);

  // "normalize", or "normalize+layout" where it does several.
  std::string_view name() const noexcept override { return name_; }
  Result<RowSpec> check(const RowSpec& input) const override;
  Result<Shape> shape_for(const TensorView& input) const override;
  Status run(const TensorView& input, std::span<std::byte> output, RowContext& context) const override;
  std::unique_ptr<Op> fused_with(const Op& next) const override;
  // Of a lone step.
  std::optional<OpDescription> describe(const RowSpec& input) const override;

 private:
  Status run_apart(const TensorView& input, std::span<std::byte> output, RowContext& context) const;

  const PixelSteps steps_;
  const std::string name_;
  const std::optional<PixelPass> pass_;
};

// The op of one step.
template <typename Step, typename... Arguments>
std::unique_ptr<Op> make_pixel_op(Arguments&&... arguments) {
  return std::make_unique<PixelOp>(PixelSteps{std::make_shared<Step>(std::forward<Arguments>(arguments)...)});
}

}  // namespace pyserver
