// dequantize: the real numbers that integers of a quantized model stand for.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "ops/axis.h"
#include "ops/element.h"
#include "ops/op_description.h"
#include "ops/op_registry.h"

namespace pyserver {
namespace {

bool is_quantized(Datatype datatype) noexcept {
  return datatype == Datatype::kInt8 || datatype == Datatype::kUint8 || datatype == Datatype::kInt16 ||
         datatype == Datatype::kUint16 || datatype == Datatype::kInt32;
}

// The difference is exact: of numbers of 8 or 16 bits in 32, of those of 32 bits in 64. It is rounded to FP32, and so
// is the product.
template <typename Element>
void dequantize(const std::byte* from, std::size_t first, std::size_t count, std::int64_t zero_point, float scale,
                std::byte* to) noexcept {
  using Wide = std::conditional_t<sizeof(Element) < 4, std::int32_t, std::int64_t>;
  const auto zero = static_cast<Wide>(zero_point);
  for (std::size_t at = first; at < first + count; ++at) {
    store(to, at, static_cast<float>(static_cast<Wide>(load<Element>(from, at)) - zero) * scale);
  }
}

// Whether a number of this quantized datatype can be `zero_point`.
bool holds(Datatype datatype, std::int64_t zero_point) noexcept {
  return with_element(datatype, [zero_point]<typename Element>(std::type_identity<Element>) {
    return static_cast<std::int64_t>(number_of(converted<Element>(zero_point))) == zero_point;
  });
}

class Dequantize final : public Op {
 public:
  Dequantize(Axis axis, std::vector<float> scales, std::vector<std::int64_t> zero_points)
      : axis_(axis), scales_(std::move(scales)), zero_points_(std::move(zero_points)) {}

  std::string_view name() const noexcept override { return "dequantize"; }

  Result<RowSpec> check(const RowSpec& input) const override {
    if (!is_quantized(input.datatype)) {
      return invalid_argument(concat("expected INT8, UINT8, INT16, UINT16 or INT32, got ", to_string(input)));
    }
    for (const std::int64_t zero_point : zero_points_) {
      if (!holds(input.datatype, zero_point)) {
        return invalid_argument(concat("expected a zero_point that is a number of the row's datatype, got ", zero_point,
                                       " and ", to_string(input)));
      }
    }
    if (count() > 1) {
      PYSERVER_RETURN_IF_ERROR(axis_.check(input));
      const std::int64_t there = input.shape[axis_.of(input.shape)];
      if (there != kFreeDimension && there != static_cast<std::int64_t>(count())) {
        return invalid_argument(concat("expected ", count(), " elements along the axis, one for each scale and ",
                                       "zero_point, got ", to_string(input)));
      }
    }
    return RowSpec{Datatype::kFp32, input.shape};
  }

  Result<Shape> shape_for(const TensorView& input) const override {
    const Result<RowSpec> row = check({input.datatype, input.shape});
    if (!row.ok()) return row.status();
    return row->shape;
  }

  Status run(const TensorView& input, std::span<std::byte> output, RowContext&) const override {
    const AxisLines lines = lines_of(input.shape, output.size() / sizeof(float));
    switch (input.datatype) {
      case Datatype::kInt8: run_as<std::int8_t>(input, lines, output.data()); break;
      case Datatype::kUint8: run_as<std::uint8_t>(input, lines, output.data()); break;
      case Datatype::kInt16: run_as<std::int16_t>(input, lines, output.data()); break;
      case Datatype::kUint16: run_as<std::uint16_t>(input, lines, output.data()); break;
      default: run_as<std::int32_t>(input, lines, output.data()); break;
    }
    return {};
  }

  std::optional<OpDescription> describe(const RowSpec& input) const override {
    const auto elements = static_cast<std::size_t>(input.shape.element_count().value_or(0));
    return OpDescription{DequantizeDescription{lines_of(input.shape, elements), scales_, zero_points_}};
  }

 private:
  std::size_t count() const noexcept { return std::max(scales_.size(), zero_points_.size()); }

  AxisLines lines_of(const Shape& shape, std::size_t elements) const noexcept {
    return count() > 1 ? axis_.lines_of(shape) : AxisLines{1, 1, elements};
  }

  template <typename Element>
  void run_as(const TensorView& input, const AxisLines& lines, std::byte* output) const noexcept {
    for (std::size_t outer = 0; outer < lines.outer; ++outer) {
      for (std::size_t at = 0; at < lines.length; ++at) {
        dequantize<Element>(input.bytes.data(), (outer * lines.length + at) * lines.inner, lines.inner,
                            zero_points_[zero_points_.size() == 1 ? 0 : at], scales_[scales_.size() == 1 ? 0 : at],
                            output);
      }
    }
  }

  const Axis axis_;
  const std::vector<float> scales_;
  const std::vector<std::int64_t> zero_points_;
};

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  std::vector<float> scales;
  for (const double scale : options.numbers("scale", {1})) {
    scales.push_back(static_cast<float>(scale));
    if (!(scales.back() > 0) || !std::isfinite(scales.back())) {
      options.refuse("scale", "expected positive numbers that FP32 can hold");
    }
  }
  std::vector<std::int64_t> zero_points;
  for (const double zero_point : options.numbers("zero_point", {0})) {
    zero_points.push_back(converted<std::int64_t>(zero_point));
    if (static_cast<double>(zero_points.back()) != zero_point) {
      options.refuse("zero_point", "expected whole numbers");
    }
  }
  if (scales.empty()) options.refuse("scale", "expected at least one number");
  if (zero_points.empty()) options.refuse("zero_point", "expected at least one number");
  if (scales.size() > 1 && zero_points.size() > 1 && scales.size() != zero_points.size()) {
    options.refuse("zero_point",
                   concat("expected as many numbers as scale, ", scales.size(), ", got ", zero_points.size()));
  }
  const Axis axis = Axis::read(options);
  PYSERVER_RETURN_IF_ERROR(options.status());
  return std::unique_ptr<Op>(std::make_unique<Dequantize>(axis, std::move(scales), std::move(zero_points)));
}

}  // namespace

OpEntry dequantize_op() {
  return {"dequantize", make,
          "FP32, (x - zero_point) * scale. scale: a number, or one for each element along an axis (default 1). "
          "zero_point: likewise (default 0). axis: which one (default -1, the last)."};
}

}  // namespace pyserver
