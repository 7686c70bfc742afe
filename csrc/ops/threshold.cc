// threshold: which numbers reach a bound, or the numbers with those below it replaced.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/text.h"
#include "ops/axis.h"
#include "ops/element.h"
#include "ops/op_description.h"
#include "ops/op_registry.h"

namespace pyserver {
namespace {

// The least number of this datatype that reaches the bound, so that each comparison is of like with like; the bound
// itself is rounded to a datatype of floats, as NumPy does with a number of Python's. Nothing where no integer reaches
// it.
template <typename Element>
auto least_from(double bound) noexcept {
  using Number = decltype(number_of(Element()));
  if constexpr (std::floating_point<Number>) {
    return std::optional<Number>(number_of(converted<Element>(bound)));
  } else {
    const double whole = std::ceil(bound);
    if (whole >= std::ldexp(1.0, std::numeric_limits<Number>::digits)) return std::optional<Number>();
    return std::optional<Number>(converted<Number>(whole));
  }
}

template <typename Element, typename Number>
void compare(const std::byte* from, std::size_t count, std::optional<Number> bound, std::byte* to) noexcept {
  if (!bound) {
    std::fill_n(to, count, std::byte{0});
    return;
  }
  const Number least = *bound;  // so that the loop is one of vectors
  for (std::size_t at = 0; at < count; ++at) {
    store<std::uint8_t>(to, at, number_of(load<Element>(from, at)) >= least ? 1 : 0);
  }
}

template <typename Element, typename Number>
void replace(const std::byte* from, std::size_t count, std::optional<Number> bound, Element instead,
             std::byte* to) noexcept {
  const Number least = bound.value_or(Number{});
  const bool any = bound.has_value();
  for (std::size_t at = 0; at < count; ++at) {
    const auto element = load<Element>(from, at);
    store<Element>(to, at, any && number_of(element) >= least ? element : instead);
  }
}

class Threshold final : public Op {
 public:
  Threshold(double at, std::optional<double> below) : at_(at), below_(below) {}

  std::string_view name() const noexcept override { return "threshold"; }

  Result<RowSpec> check(const RowSpec& input) const override {
    PYSERVER_RETURN_IF_ERROR(expect_numbers(input));
    return RowSpec{below_ ? input.datatype : Datatype::kBool, input.shape};
  }

  Result<Shape> shape_for(const TensorView& input) const override { return input.shape; }

  Status run(const TensorView& input, std::span<std::byte> output, RowContext&) const override {
    const std::byte* const from = input.bytes.data();
    const std::size_t count = input.bytes.size() / size_of(input.datatype);
    with_element(input.datatype, [&]<typename Element>(std::type_identity<Element>) {
      const auto bound = least_from<Element>(at_);
      if (below_) {
        replace<Element>(from, count, bound, converted<Element>(*below_), output.data());
      } else {
        compare<Element>(from, count, bound, output.data());
      }
    });
    return {};
  }

  std::optional<OpDescription> describe(const RowSpec&) const override {
    return OpDescription{ThresholdDescription{at_, below_}};
  }

 private:
  const double at_;
  const std::optional<double> below_;
};

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  constexpr double kMost = std::numeric_limits<double>::max();
  options.main_option("at");
  if (!options.has("at")) options.refuse("at", "expected a number, got nothing");
  const double at = options.number("at", 0, -kMost, kMost);
  std::optional<double> below;
  if (options.has("below")) below = 0;
  const double replacement = options.number("below", 0, -kMost, kMost);
  if (below) below = replacement;
  return std::unique_ptr<Op>(std::make_unique<Threshold>(at, below));
}

}  // namespace

OpEntry threshold_op() {
  return {
      "threshold", make,
      "BOOL, whether each number is at least a bound (NaN is not). at: the bound. below: if given, the numbers come "
      "out as they are, and this in place of those below the bound."};
}

}  // namespace pyserver
