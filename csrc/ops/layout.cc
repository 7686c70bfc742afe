// layout: the order of a picture's dimensions: CHW (what most models take) or HWC (what pictures come as).
#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "ops/op_registry.h"

namespace pyserver {
namespace {

// `from` is rows × columns, `to` becomes columns × rows.
template <typename Element>
void transpose(const std::byte* from, std::byte* to, std::size_t rows, std::size_t columns) noexcept {
  const auto* const source = reinterpret_cast<const Element*>(from);
  auto* const target = reinterpret_cast<Element*>(to);
  // A block of rows fits the cache, and each column of it is written as one run.
  constexpr std::size_t kBlock = 64;
  for (std::size_t first = 0; first < rows; first += kBlock) {
    const std::size_t last = std::min(rows, first + kBlock);
    for (std::size_t column = 0; column < columns; ++column) {
      for (std::size_t row = first; row < last; ++row) target[column * rows + row] = source[row * columns + column];
    }
  }
}

class Layout final : public Op {
 public:
  explicit Layout(bool to_chw) : to_chw_(to_chw) {}

  std::string_view name() const noexcept override { return "layout"; }

  Result<RowSpec> check(const RowSpec& input) const override {
    if (input.shape.rank() != 3 || input.datatype == Datatype::kBytes) {
      return invalid_argument(concat("expected a picture of 3 dimensions, got ", to_string(input)));
    }
    return RowSpec{input.datatype, turned(input.shape)};
  }

  Result<Shape> shape_for(const TensorView& input) const override { return turned(input.shape); }

  Status run(const TensorView& input, std::span<std::byte> output, RowContext&) const override {
    const auto at = [&input](std::size_t axis) { return static_cast<std::size_t>(input.shape[axis]); };
    const std::size_t rows = to_chw_ ? at(0) * at(1) : at(0);
    const std::size_t columns = to_chw_ ? at(2) : at(1) * at(2);
    switch (size_of(input.datatype)) {
      case 1: transpose<std::uint8_t>(input.bytes.data(), output.data(), rows, columns); break;
      case 2: transpose<std::uint16_t>(input.bytes.data(), output.data(), rows, columns); break;
      case 4: transpose<std::uint32_t>(input.bytes.data(), output.data(), rows, columns); break;
      default: transpose<std::uint64_t>(input.bytes.data(), output.data(), rows, columns); break;
    }
    return {};
  }

 private:
  Shape turned(const Shape& shape) const {
    return to_chw_ ? Shape{shape[2], shape[0], shape[1]} : Shape{shape[1], shape[2], shape[0]};
  }

  const bool to_chw_;
};

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  options.main_option("to");
  return std::unique_ptr<Op>(std::make_unique<Layout>(options.choice("to", {"CHW", "HWC"}) == "CHW"));
}

}  // namespace

OpEntry layout_op() {
  return {"layout", make, "The order of a picture's dimensions. to: CHW (default, from HWC) or HWC (from CHW)."};
}

}  // namespace pyserver
