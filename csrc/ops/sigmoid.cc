// sigmoid: each score as a probability of its own.
#include "ops/float_kernels.h"
#include "ops/float_op.h"
#include "ops/map_elements.h"
#include "ops/op_description.h"
#include "ops/op_registry.h"

namespace pyserver {
namespace {

class Sigmoid final : public FloatOp {
 public:
  std::string_view name() const noexcept override { return "sigmoid"; }

  Status run(const TensorView& input, std::span<std::byte> output, RowContext&) const override {
    map_elements(input, output.data(), input.datatype,
                 [](auto* numbers, std::size_t, std::size_t count) { sigmoid({numbers, count}); });
    return {};
  }

  std::optional<OpDescription> describe(const RowSpec&) const override { return OpDescription{SigmoidDescription{}}; }
};

Result<std::unique_ptr<Op>> make(OpOptions&) { return std::unique_ptr<Op>(std::make_unique<Sigmoid>()); }

}  // namespace

OpEntry sigmoid_op() { return {"sigmoid", make, "1 / (1 + exp(-x)) of each number."}; }

}  // namespace pyserver
