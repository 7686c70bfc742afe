// round: to whole numbers, or to some decimals.
#include <cmath>

#include "ops/float_kernels.h"
#include "ops/float_op.h"
#include "ops/map_elements.h"
#include "ops/op_registry.h"

namespace pyserver {
namespace {

class Round final : public FloatOp {
 public:
  explicit Round(std::int64_t decimals) : decimals_(decimals) {}

  std::string_view name() const noexcept override { return "round"; }

  Status run(const TensorView& input, std::span<std::byte> output, RowContext&) const override {
    // As NumPy's round: moves the point, rounds, moves it back. 10^-n is a division by 10^n, which is a whole number.
    const double power = std::pow(10.0, std::abs(decimals_));
    map_elements(input, output.data(), input.datatype,
                 [this, power]<typename Number>(Number* numbers, std::size_t, std::size_t count) {
                   round_to_even(std::span(numbers, count), static_cast<Number>(power), decimals_ < 0);
                 });
    return {};
  }

 private:
  const std::int64_t decimals_;
};

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  options.main_option("decimals");
  return std::unique_ptr<Op>(std::make_unique<Round>(options.integer("decimals", 0, -15, 15)));
}

}  // namespace

OpEntry round_op() {
  return {"round", make,
          "To the nearest, ties to even, as NumPy's round. decimals: how many digits stay after the point; negative: "
          "before it (default 0)."};
}

}  // namespace pyserver
