// l2_normalize: vectors of length 1, as embeddings are compared.
#include <array>
#include <cmath>

#include "ops/float_kernels.h"
#include "ops/float_op.h"
#include "ops/map_lines.h"
#include "ops/op_description.h"
#include "ops/op_registry.h"

namespace pyserver {
namespace {

class L2Normalize final : public FloatLinesOp {
 public:
  L2Normalize(Axis axis, double epsilon) : FloatLinesOp(axis), epsilon_(epsilon) {}

  std::string_view name() const noexcept override { return "l2_normalize"; }

  Status run(const TensorView& input, std::span<std::byte> output, RowContext& context) const override {
    return map_lines(input, axis_.lines_of(input.shape), output.data(), context,
                     [this]<typename Number>(const LineBlock<Number>& block) { normalize(block); });
  }

  std::optional<OpDescription> describe(const RowSpec& input) const override {
    return OpDescription{L2NormalizeDescription{axis_.lines_of(input.shape), epsilon_}};
  }

 private:
  template <typename Number>
  void normalize(const LineBlock<Number>& block) const noexcept {
    std::array<double, kLinesTogether> factors{};
    if (block.width == 1) {
      const std::span<Number> line(block.numbers, block.length);
      const double factor = factor_for(sum_of_squares(std::span<const Number>(line)));
      for (Number& number : line) number = static_cast<Number>(number * factor);
      return;
    }
    for (std::size_t at = 0; at < block.length; ++at) {
      const Number* const numbers = block.numbers + at * kLinesTogether;
      for (std::size_t line = 0; line < kLinesTogether; ++line) {
        factors[line] += static_cast<double>(numbers[line]) * numbers[line];
      }
    }
    for (double& factor : factors) factor = factor_for(factor);
    for (std::size_t at = 0; at < block.length; ++at) {
      Number* const numbers = block.numbers + at * kLinesTogether;
      for (std::size_t line = 0; line < kLinesTogether; ++line) {
        numbers[line] = static_cast<Number>(numbers[line] * factors[line]);
      }
    }
  }

  double factor_for(double squares) const noexcept {
    const double length = std::sqrt(squares);
    return 1 / (length < epsilon_ ? epsilon_ : length);  // NaN where a number is
  }

  const double epsilon_;
};

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  const Axis axis = Axis::read(options);
  return std::unique_ptr<Op>(std::make_unique<L2Normalize>(axis, options.number("epsilon", 1e-12, 1e-300, 1)));
}

}  // namespace

OpEntry l2_normalize_op() {
  return {"l2_normalize", make,
          "x / max(length, epsilon) along an axis, length being the root of the sum of squares. axis: which one "
          "(default -1, the last). epsilon: (default 1e-12)."};
}

}  // namespace pyserver
