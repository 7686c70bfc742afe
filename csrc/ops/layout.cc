// layout: the order of a picture's dimensions: CHW (what most models take) or HWC (what pictures come as).
#include <algorithm>

#include "base/text.h"
#include "ops/element.h"
#include "ops/op_registry.h"
#include "ops/pixel_kernels.h"
#include "ops/pixel_op.h"

namespace pyserver {
namespace {

// `from` is rows × columns, `to` becomes columns × rows; the rows before `done` are there already.
template <typename Element>
void transpose(const std::byte* from, std::byte* to, std::size_t rows, std::size_t columns, std::size_t done) noexcept {
  // A block of rows fits the cache, and each column of it is written as one run.
  constexpr std::size_t kBlock = 64;
  for (std::size_t first = done; first < rows; first += kBlock) {
    const std::size_t last = std::min(rows, first + kBlock);
    for (std::size_t column = 0; column < columns; ++column) {
      for (std::size_t row = first; row < last; ++row) {
        store<Element>(to, column * rows + row, load<Element>(from, row * columns + column));
      }
    }
  }
}

class Layout final : public PixelStep {
 public:
  explicit Layout(bool to_chw) : to_chw_(to_chw) {}

  std::string_view name() const noexcept override { return "layout"; }

  Result<RowSpec> check(const RowSpec& input) const override {
    if (input.shape.rank() != 3 || input.datatype == Datatype::kBytes) {
      return invalid_argument(concat("expected a picture of 3 dimensions, got ", to_string(input)));
    }
    const Shape& shape = input.shape;
    return RowSpec{input.datatype, to_chw_ ? Shape{shape[2], shape[0], shape[1]} : Shape{shape[1], shape[2], shape[0]}};
  }

  PixelEffect effect() const override {
    PixelEffect effect;
    effect.order = to_chw_ ? PixelEffect::Order::kHwcToChw : PixelEffect::Order::kChwToHwc;
    return effect;
  }

  void run(const TensorView& input, std::span<std::byte> output) const noexcept override {
    if (output.empty()) return;  // beside a dimension of 0, others may be so large that they have no product
    const auto at = [&input](std::size_t axis) { return static_cast<std::size_t>(input.shape[axis]); };
    const std::size_t rows = to_chw_ ? at(0) * at(1) : at(0);
    const std::size_t columns = to_chw_ ? at(2) : at(1) * at(2);
    const std::size_t element = size_of(input.datatype);
    const std::size_t done =
        columns == 3 && element <= 4 ? three_planes(input.bytes.data(), rows, element, output.data()) : 0;
    switch (element) {
      case 1: transpose<std::uint8_t>(input.bytes.data(), output.data(), rows, columns, done); break;
      case 2: transpose<std::uint16_t>(input.bytes.data(), output.data(), rows, columns, done); break;
      case 4: transpose<std::uint32_t>(input.bytes.data(), output.data(), rows, columns, done); break;
      default: transpose<std::uint64_t>(input.bytes.data(), output.data(), rows, columns, done); break;
    }
  }

 private:
  const bool to_chw_;
};

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  options.main_option("to");
  return make_pixel_op<Layout>(options.choice("to", {"CHW", "HWC"}) == "CHW");
}

}  // namespace

OpEntry layout_op() {
  return {"layout", make, "The order of a picture's dimensions. to: CHW (default, from HWC) or HWC (from CHW)."};
}

}  // namespace pyserver
