// to_tensor: torchvision's ToTensor: a picture of UINT8 [height, width, channels] as FP32 [channels, height, width]
// from 0 to 1.
#include "base/text.h"
#include "ops/element.h"
#include "ops/op_registry.h"
#include "ops/pixel_op.h"

namespace pyserver {
namespace {

class ToTensor final : public PixelStep {
 public:
  std::string_view name() const noexcept override { return "to_tensor"; }

  Result<RowSpec> check(const RowSpec& input) const override {
    if (input.datatype != Datatype::kUint8 || input.shape.rank() != 3) {
      return invalid_argument(concat("expected a picture of UINT8 [height, width, channels], got ", to_string(input)));
    }
    return RowSpec{Datatype::kFp32, {input.shape[2], input.shape[0], input.shape[1]}};
  }

  PixelEffect effect() const override {
    PixelEffect effect;
    effect.order = PixelEffect::Order::kHwcToChw;
    effect.changes_values = true;
    effect.arithmetic = PixelArithmetic{.deviations = {255}};
    return effect;
  }

  void run(const TensorView& input, std::span<std::byte> output) const noexcept override {
    if (output.empty()) return;
    const auto channels = static_cast<std::size_t>(input.shape[2]);
    const std::size_t pixels = input.bytes.size() / channels;
    for (std::size_t index = 0; index < input.bytes.size(); ++index) {
      // Divided, as torch does; a product with 1/255 is another number for some values.
      const float value = static_cast<float>(load<std::uint8_t>(input.bytes.data(), index)) / 255;
      store<float>(output.data(), index % channels * pixels + index / channels, value);
    }
  }
};

Result<std::unique_ptr<Op>> make(OpOptions&) { return make_pixel_op<ToTensor>(); }

}  // namespace

OpEntry to_tensor_op() {
  return {"to_tensor", make, "torchvision's ToTensor: a picture of UINT8 HWC as FP32 CHW, divided by 255."};
}

}  // namespace pyserver
