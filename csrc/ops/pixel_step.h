// PixelStep: what one op of a PixelOp does.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ops/op.h"

namespace pyserver {

// (x * scale - mean) / deviation in FP32, each step rounded: to a pixel's values by channel, or all alike where `means`
// and `deviations` have one number.
struct PixelArithmetic {
  float scale = 1;
  std::vector<float> means = {0};
  std::vector<float> deviations = {1};
};

// What a step does to a picture, so that steps can be taken together.
struct PixelEffect {
  enum class Order { kSame, kHwcToChw, kChwToHwc };

  Order order = Order::kSame;
  // Whether pixels change beside their order; by `arithmetic` or in another way.
  bool changes_values = false;
  std::optional<PixelArithmetic> arithmetic;
  // Where arithmetic differs by channel: whether it takes the first dimension for the channels, or the last.
  bool channels_first = false;
};

// Immutable, so thread-safe. A step looks at one value and its channel, at no other pixel, and cannot fail.
class PixelStep {
 public:
  virtual ~PixelStep() = default;
  virtual std::string_view name() const noexcept = 0;
  // As Op::check(); for the shape of an actual row, too.
  virtual Result<RowSpec> check(const RowSpec& input) const = 0;
  virtual PixelEffect effect() const = 0;
  // As Op::run(), for a row that check() took.
  virtual void run(const TensorView& input, std::span<std::byte> output) const noexcept = 0;
};

using PixelSteps = std::vector<std::shared_ptr<const PixelStep>>;

}  // namespace pyserver
