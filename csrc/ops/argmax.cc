// argmax: where the largest number lies along an axis.
#include <algorithm>
#include <array>

#include "ops/axis.h"
#include "ops/element.h"
#include "ops/op_registry.h"

namespace pyserver {
namespace {

// As NumPy has it: the first of the largest; the first NaN where there is one.
template <typename Number>
bool beats(Number challenger, Number best) noexcept {
  if constexpr (std::floating_point<Number>) {
    return challenger > best || (challenger != challenger && best == best);
  } else {
    return challenger > best;
  }
}

template <typename Element>
void argmax(const std::byte* from, const AxisLines& lines, std::byte* to) noexcept {
  using Number = decltype(number_of(Element()));
  constexpr std::size_t kTogether = 64;  // lines that lie beside one another
  for (std::size_t outer = 0; outer < lines.outer; ++outer) {
    for (std::size_t first = 0; first < lines.inner; first += kTogether) {
      const std::size_t count = std::min(kTogether, lines.inner - first);
      const std::size_t begin = outer * lines.length * lines.inner + first;
      std::array<Number, kTogether> best{};
      std::array<std::int64_t, kTogether> places{};
      for (std::size_t line = 0; line < count; ++line) best[line] = number_of(load<Element>(from, begin + line));
      for (std::size_t at = 1; at < lines.length; ++at) {
        for (std::size_t line = 0; line < count; ++line) {
          const Number number = number_of(load<Element>(from, begin + at * lines.inner + line));
          const bool better = beats(number, best[line]);
          best[line] = better ? number : best[line];
          places[line] = better ? static_cast<std::int64_t>(at) : places[line];
        }
      }
      for (std::size_t line = 0; line < count; ++line) store(to, outer * lines.inner + first + line, places[line]);
    }
  }
}

class Argmax final : public Op {
 public:
  explicit Argmax(Axis axis) : axis_(axis) {}

  std::string_view name() const noexcept override { return "argmax"; }

  Result<RowSpec> check(const RowSpec& input) const override {
    PYSERVER_RETURN_IF_ERROR(expect_numbers(input));
    PYSERVER_RETURN_IF_ERROR(axis_.check(input));
    return RowSpec{Datatype::kInt64, axis_.with(input.shape, std::nullopt)};
  }

  Result<Shape> shape_for(const TensorView& input) const override {
    PYSERVER_RETURN_IF_ERROR(axis_.check({input.datatype, input.shape}));
    return axis_.with(input.shape, std::nullopt);
  }

  Status run(const TensorView& input, std::span<std::byte> output, RowContext&) const override {
    with_element(input.datatype, [&]<typename Element>(std::type_identity<Element>) {
      argmax<Element>(input.bytes.data(), axis_.lines_of(input.shape), output.data());
    });
    return {};
  }

 private:
  const Axis axis_;
};

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  return std::unique_ptr<Op>(std::make_unique<Argmax>(Axis::read(options)));
}

}  // namespace

OpEntry argmax_op() {
  return {"argmax", make,
          "INT64, where the largest number lies along an axis; the first of several; the first NaN where there is one. "
          "axis: which one (default -1, the last)."};
}

}  // namespace pyserver
