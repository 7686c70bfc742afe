// softmax: scores as probabilities that sum to 1 along an axis.
#include "ops/float_kernels.h"
#include "ops/float_op.h"
#include "ops/map_lines.h"
#include "ops/op_description.h"
#include "ops/op_registry.h"

namespace pyserver {
namespace {

class Softmax final : public FloatLinesOp {
 public:
  explicit Softmax(Axis axis) : FloatLinesOp(axis) {}

  std::string_view name() const noexcept override { return "softmax"; }

  Status run(const TensorView& input, std::span<std::byte> output, RowContext& context) const override {
    return map_lines(input, axis_.lines_of(input.shape), output.data(), context, [](const auto& block) {
      if (block.width == 1) {
        softmax(std::span(block.numbers, block.length));
      } else {
        softmax_side_by_side(block.numbers, block.length, block.width);
      }
    });
  }

  std::optional<OpDescription> describe(const RowSpec& input) const override {
    return OpDescription{SoftmaxDescription{axis_.lines_of(input.shape)}};
  }
};

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  return std::unique_ptr<Op>(std::make_unique<Softmax>(Axis::read(options)));
}

}  // namespace

OpEntry softmax_op() {
  return {"softmax", make,
          "exp(x) / sum(exp(x)) along an axis, without overflow. axis: which one (default -1, the last)."};
}

}  // namespace pyserver
