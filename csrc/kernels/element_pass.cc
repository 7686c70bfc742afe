#include "kernels/element_pass.h"

#include <algorithm>

#include "base/text.h"
#include "kernels/source_text.h"

namespace pyserver::kernels {
namespace {

constexpr std::size_t kThreads = 256;
// What pixels.cu keeps in registers.
constexpr std::size_t kMostChannels = 4;
constexpr std::size_t kPack = 4;

std::size_t elements_of(const Shape& shape) { return static_cast<std::size_t>(shape.element_count().value_or(0)); }

std::string argument(const std::string& text) { return concat(", ", text); }

// The lines along the first or the last dimension.
AxisLines channel_lines(const Shape& shape, bool channels_first) {
  const std::size_t channels = static_cast<std::size_t>(channels_first ? shape[0] : shape[shape.rank() - 1]);
  const std::size_t others = elements_of(shape) / channels;
  return channels_first ? AxisLines{1, channels, others} : AxisLines{others, channels, 1};
}

}  // namespace

ElementPass::ElementPass(const RowSpec& input) : input_(input), output_(input) {}

bool ElementPass::add(const OpDescription& op, const RowSpec& output) {
  if (const auto* effect = std::get_if<PixelEffect>(&op.what)) {
    add_pixel_effect(*effect, output);
  } else if (std::holds_alternative<SigmoidDescription>(op.what)) {
    steps_.push_back({.value = [](const auto& x, const auto&) { return concat("sigmoid(", x, ")"); }});
  } else if (const auto* threshold = std::get_if<ThresholdDescription>(&op.what)) {
    const std::string arguments =
        argument(literal(threshold->at)) + (threshold->below ? argument(literal(*threshold->below)) : std::string());
    const std::string function = threshold->below ? "replaced_below(" : "at_least(";
    steps_.push_back({.value = [=](const auto& x, const auto&) { return concat(function, x, arguments, ")"); }});
  } else if (const auto* dequantize = std::get_if<DequantizeDescription>(&op.what)) {
    add_dequantize(*dequantize);
  } else {
    return false;
  }
  output_ = output;
  return true;
}

template <typename Number>
std::function<std::string(const std::string&)> ElementPass::number_at(std::string_view type,
                                                                      const std::vector<Number>& numbers) {
  if (numbers.size() == 1) return [text = literal(numbers.front())](const std::string&) { return text; };
  const std::string name = concat("kNumbers", table_count_++);
  tables_ += table<Number>(type, name, numbers);
  return [name](const std::string& place) { return concat(name, "[", place, "]"); };
}

void ElementPass::add_pixel_effect(const PixelEffect& effect, const RowSpec& output) {
  if (effect.arithmetic) {
    add_arithmetic(effect, output.datatype);
  } else if (effect.changes_values) {
    const std::string function = concat("converted<", type_of(output.datatype), ">(");
    steps_.push_back({.value = [=](const auto& x, const auto&) { return concat(function, x, ")"); }});
  }
  if (effect.order != PixelEffect::Order::kSame) add_move(effect);
}

void ElementPass::add_arithmetic(const PixelEffect& effect, Datatype output) {
  const PixelArithmetic& arithmetic = *effect.arithmetic;
  Step step;
  if (std::max(arithmetic.means.size(), arithmetic.deviations.size()) > 1) {
    step.lines = channel_lines(output_.shape, effect.channels_first);
  }
  step.value = [function = concat("normalized<", type_of(output), ">("), scale = argument(literal(arithmetic.scale)),
                mean = number_at("Fp32", arithmetic.means),
                deviation = number_at("Fp32", arithmetic.deviations)](const auto& x, const auto& place) {
    return concat(function, x, scale, argument(mean(place)), argument(deviation(place)), ")");
  };
  steps_.push_back(std::move(step));
}

void ElementPass::add_dequantize(const DequantizeDescription& op) {
  Step step;
  step.lines = op.lines;
  step.value = [zero_point = number_at("Int64", op.zero_points), scale = number_at("Fp32", op.scales)](
                   const auto& x, const auto& place) {
    return concat("dequantized(", x, argument(zero_point(place)), argument(scale(place)), ")");
  };
  steps_.push_back(std::move(step));
}

void ElementPass::add_move(const PixelEffect& effect) {
  const auto side = [this](std::size_t axis) { return static_cast<std::size_t>(output_.shape[axis]); };
  Step step;
  const bool to_chw = effect.order == PixelEffect::Order::kHwcToChw;
  step.rows = to_chw ? side(0) * side(1) : side(0);
  step.columns = to_chw ? side(2) : side(1) * side(2);
  steps_.push_back(std::move(step));
}

// Whether pixels.cu can do it: elements move once, from few channels to as many planes, and what differs from place to
// place differs by channel.
bool ElementPass::planar() const noexcept {
  const auto moves = [](const Step& step) { return step.columns != 0; };
  if (std::ranges::count_if(steps_, moves) != 1) return false;
  const auto move = std::ranges::find_if(steps_, moves);
  if (move->columns > kMostChannels) return false;
  const auto by_channel = [&](const Step& step) {
    if (moves(step) || step.lines.length == 1) return true;
    const bool before = &step < &*move;
    return step.lines.length == move->columns && (before ? step.lines.inner == 1 : step.lines.outer == 1);
  };
  return std::ranges::all_of(steps_, by_channel);
}

PlannedKernel ElementPass::kernel() const {
  const bool by_planes = planar();
  const std::size_t elements = elements_of(input_.shape);
  std::string body = "__device__ inline Out value_of(In x, Uint32 at) {\n  const auto v0 = x;\n";
  std::string moves = "__device__ inline Uint32 place_of(Uint32 at) {\n";
  std::size_t values = 0;
  std::size_t channels = 0;
  for (const Step& step : steps_) {
    if (step.columns != 0) {
      const std::string move = concat("  at = transposed<", step.rows, "u, ", step.columns, "u>(at);\n");
      if (!by_planes) body += move;
      moves += move;
      channels = step.columns;
      continue;
    }
    const std::string place = by_planes ? "at" : concat("at / ", step.lines.inner, "u % ", step.lines.length, "u");
    body += concat("  const auto v", values + 1, " = ", step.value(concat("v", values), place), ";\n");
    ++values;
  }
  body += concat("  return v", values, ";\n}\n");
  moves += "  return at;\n}\n";

  const std::size_t items = by_planes ? elements / channels : elements;
  const std::size_t pack = items % kPack == 0 && (by_planes || channels == 0) ? kPack : 1;
  std::string source = include("steps.cuh") + alias("In", type_of(input_.datatype)) +
                       alias("Out", type_of(output_.datatype)) + constant("kPack", pack) + tables_ + body;
  if (by_planes) {
    source += constant("kPixels", items) + constant("kChannels", channels) + include("pixels.cu");
  } else {
    source += moves + concat("constexpr bool kMoves = ", channels != 0 ? "true" : "false", ";\n") +
              constant("kElements", elements) + include("elements.cu");
  }
  const std::size_t threads = std::min(kThreads, (items / pack + 31) / 32 * 32);
  return {by_planes ? "pixels" : "elements",
          std::move(source),
          static_cast<unsigned>(threads),
          static_cast<std::uint32_t>((items / pack + threads - 1) / threads),
          input_,
          output_};
}

}  // namespace pyserver::kernels
