// argmax: where the largest number lies along an axis.
#include <algorithm>
#include <array>
#include <limits>

#include "base/text.h"
#include "ops/axis.h"
#include "ops/element.h"
#include "ops/op_description.h"
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

// The best of `kWidth` lines side by side, or of every kWidth-th element of one line.
constexpr std::size_t kWidth = 64;

template <typename Number>
struct Best {
  std::array<Number, kWidth> numbers{};
  // Of 32 bits, as most numbers, so that both fit vectors of one length.
  std::array<std::uint32_t, kWidth> places{};
};

// Looks at `count` lines from element `begin` on, whose elements are `step` apart.
template <typename Element, typename Number>
Best<Number> best_of(const std::byte* from, std::size_t begin, std::size_t step, std::size_t length,
                     std::size_t count) noexcept {
  Best<Number> best;
  for (std::size_t line = 0; line < count; ++line) best.numbers[line] = number_of(load<Element>(from, begin + line));
  for (std::size_t at = 1; at < length; ++at) {
    const std::byte* const elements = from + (begin + at * step) * sizeof(Element);
    for (std::size_t line = 0; line < count; ++line) {
      const Number number = number_of(load<Element>(elements, line));
      const bool better = beats(number, best.numbers[line]);
      best.numbers[line] = better ? number : best.numbers[line];
      best.places[line] = better ? static_cast<std::uint32_t>(at) : best.places[line];
    }
  }
  return best;
}

// Of one line whose elements are back to back from `begin` on: as kWidth lines, then the best of those.
template <typename Element, typename Number>
std::size_t best_of_line(const std::byte* from, std::size_t begin, std::size_t length) noexcept {
  const std::size_t rounds = length / kWidth;
  std::size_t place = 0;
  Number best = number_of(load<Element>(from, begin));
  if (rounds > 0) {
    const Best<Number> lines = best_of<Element, Number>(from, begin, kWidth, rounds, kWidth);
    place = lines.places[0] * kWidth;
    best = lines.numbers[0];
    for (std::size_t line = 1; line < kWidth; ++line) {
      const std::size_t there = lines.places[line] * kWidth + line;
      const bool equal = !beats(best, lines.numbers[line]) && !beats(lines.numbers[line], best);
      if (!beats(lines.numbers[line], best) && !(equal && there < place)) continue;
      best = lines.numbers[line];
      place = there;
    }
  }
  for (std::size_t at = rounds * kWidth; at < length; ++at) {
    const Number number = number_of(load<Element>(from, begin + at));
    if (!beats(number, best)) continue;
    best = number;
    place = at;
  }
  return place;
}

template <typename Element>
void argmax(const std::byte* from, const AxisLines& lines, std::byte* to) noexcept {
  using Number = decltype(number_of(Element()));
  for (std::size_t outer = 0; outer < lines.outer; ++outer) {
    const std::size_t begin = outer * lines.length * lines.inner;
    if (lines.inner == 1) {
      store(to, outer, static_cast<std::int64_t>(best_of_line<Element, Number>(from, begin, lines.length)));
      continue;
    }
    for (std::size_t first = 0; first < lines.inner; first += kWidth) {
      const std::size_t count = std::min(kWidth, lines.inner - first);
      const Best<Number> best = best_of<Element, Number>(from, begin + first, lines.inner, lines.length, count);
      for (std::size_t line = 0; line < count; ++line) {
        store(to, outer * lines.inner + first + line, static_cast<std::int64_t>(best.places[line]));
      }
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
    if (input.shape[axis_.of(input.shape)] > std::numeric_limits<std::uint32_t>::max()) {
      return invalid_argument(concat("a line of ", to_string(input.shape), " is too long"));
    }
    return axis_.with(input.shape, std::nullopt);
  }

  Status run(const TensorView& input, std::span<std::byte> output, RowContext&) const override {
    with_element(input.datatype, [&]<typename Element>(std::type_identity<Element>) {
      argmax<Element>(input.bytes.data(), axis_.lines_of(input.shape), output.data());
    });
    return {};
  }

  std::optional<OpDescription> describe(const RowSpec& input) const override {
    return OpDescription{ArgmaxDescription{axis_.lines_of(input.shape)}};
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
