#include "ops/pixel_op.h"

#include <algorithm>

#include "base/text.h"
#include "ops/op_description.h"

namespace pyserver {
namespace {

std::string joined_names(const PixelSteps& steps) {
  std::string names;
  for (const auto& step : steps) names += concat(names.empty() ? "" : "+", step->name());
  return names;
}

Result<std::size_t> bytes_of(const RowSpec& row) {
  const auto count = row.shape.element_count();
  std::size_t bytes = 0;
  if (!count || __builtin_mul_overflow(static_cast<std::size_t>(*count), size_of(row.datatype), &bytes)) {
    return invalid_argument(concat("a row of ", to_string(row), " is too large"));
  }
  return bytes;
}

}  // namespace

PixelOp::PixelOp(PixelSteps steps)
    : steps_(std::move(steps)), name_(joined_names(steps_)), pass_(PixelPass::create(steps_)) {}

Result<RowSpec> PixelOp::check(const RowSpec& input) const {
  RowSpec row = input;
  for (const auto& step : steps_) {
    Result<RowSpec> next = step->check(row);
    if (!next.ok()) return next.status();
    row = *next;
  }
  return row;
}

Result<Shape> PixelOp::shape_for(const TensorView& input) const {
  const Result<RowSpec> row = check({input.datatype, input.shape});
  if (!row.ok()) return row.status();
  return row->shape;
}

Status PixelOp::run(const TensorView& input, std::span<std::byte> output, RowContext& context) const {
  if (pass_ && pass_->takes(input)) {
    pass_->run(input, output);
    return {};
  }
  return run_apart(input, output, context);
}

Status PixelOp::run_apart(const TensorView& input, std::span<std::byte> output, RowContext& context) const {
  // Two rows of scratch take turns.
  std::vector<RowSpec> rows;
  std::vector<std::size_t> sizes;
  std::size_t largest = 0;
  RowSpec row{input.datatype, input.shape};
  for (std::size_t index = 0; index + 1 < steps_.size(); ++index) {
    const Result<RowSpec> next = steps_[index]->check(row);
    if (!next.ok()) return next.status();
    const Result<std::size_t> bytes = bytes_of(*next);
    if (!bytes.ok()) return bytes.status();
    rows.push_back(row = *next);
    sizes.push_back(*bytes);
    largest = std::max(largest, *bytes);
  }
  constexpr std::size_t kAlignment = 64;
  std::size_t scratch_bytes = 0;
  if (__builtin_add_overflow(largest, kAlignment, &largest) ||
      __builtin_mul_overflow(largest / kAlignment * kAlignment, std::size_t{2}, &scratch_bytes)) {
    return invalid_argument(concat("a row of ", largest, " bytes is too large"));
  }
  std::byte* const scratch = rows.empty() ? nullptr : context.scratch(scratch_bytes);
  if (scratch == nullptr && !rows.empty()) return resource_exhausted(concat("no memory for ", scratch_bytes, " bytes"));
  TensorView at = input;
  for (std::size_t index = 0; index < rows.size(); ++index) {
    const std::span<std::byte> to{scratch + (index % 2) * (scratch_bytes / 2), sizes[index]};
    steps_[index]->run(at, to);
    at = {input.name, rows[index].datatype, rows[index].shape, to};
  }
  steps_.back()->run(at, output);
  return {};
}

std::unique_ptr<Op> PixelOp::fused_with(const Op& next) const {
  const auto* const other = dynamic_cast<const PixelOp*>(&next);
  if (other == nullptr) return nullptr;
  PixelSteps steps = steps_;
  steps.insert(steps.end(), other->steps_.begin(), other->steps_.end());
  return std::make_unique<PixelOp>(std::move(steps));
}

std::optional<OpDescription> PixelOp::describe(const RowSpec&) const {
  if (steps_.size() != 1) return std::nullopt;
  return OpDescription{steps_.front()->effect()};
}

}  // namespace pyserver
