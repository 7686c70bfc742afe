#include "kernels/kernel_plan.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/text.h"
#include "kernels/element_pass.h"
#include "kernels/line_kernels.h"
#include "kernels/resize_kernels.h"
#include "ops/op_description.h"

namespace pyserver::kernels {
namespace {

constexpr std::array<std::string_view, 12> kOpsWithKernels = {"argmax",  "cast",      "dequantize", "l2_normalize",
                                                              "layout",  "normalize", "resize",     "sigmoid",
                                                              "softmax", "threshold", "to_tensor",  "top_k"};

std::string place_of(std::size_t index, const Op& op) { return concat("op ", index + 1, " (", op.name(), ")"); }

// Kernels count the elements of a row in 32 bits.
Status check_row(const RowSpec& row) {
  const std::optional<std::int64_t> elements = row.shape.element_count();
  if (row.datatype == Datatype::kBytes) {
    return failed_precondition(concat("a kernel takes numbers, got ", to_string(row)));
  }
  if (!elements || *elements == 0 || *elements > INT32_MAX) {
    return failed_precondition(
        concat("a kernel needs a row of a fixed shape with 1 to ", INT32_MAX, " elements, got ", to_string(row)));
  }
  return {};
}

// The kernels so far, and the pass that still takes in ops.
class Plan {
 public:
  explicit Plan(const RowSpec& input) : row_(input), pass_(input) {}

  // `output`: what the op on the CPU gives.
  Status add(const Op& op, const OpDescription& description, RowSpec output) {
    if (texts_) return failed_precondition("top_k is the last op of those that have kernels");
    if (const auto* top = std::get_if<TopKDescription>(&description.what)) {
      output = candidates_of(*top, row_);
      texts_ = true;
    }
    PYSERVER_RETURN_IF_ERROR(check_row(output));
    if (pass_.add(description, output)) {
      row_ = output;
      return {};
    }
    finish_pass();
    if (const auto* resampling = std::get_if<Resampling>(&description.what)) {
      auto kernels = resize_kernels(*resampling, row_);
      if (!kernels) return no_kernel(op);
      for (PlannedKernel& kernel : *kernels) {
        PYSERVER_RETURN_IF_ERROR(check_row(kernel.output));
        kernels_.push_back(std::move(kernel));
      }
    } else {
      auto kernel = line_kernel(description, row_, output);
      if (!kernel) return no_kernel(op);
      kernels_.push_back(*std::move(kernel));
    }
    row_ = output;
    pass_ = ElementPass(row_);
    return {};
  }

  std::vector<PlannedKernel> kernels() && {
    if (kernels_.empty() || !pass_.empty()) kernels_.push_back(pass_.kernel());
    return std::move(kernels_);
  }

  Status no_kernel(const Op& op) const {
    return failed_precondition(concat("there is no kernel for this ", op.name(), " of ", to_string(row_)));
  }
  const RowSpec& row() const noexcept { return row_; }

 private:
  void finish_pass() {
    if (!pass_.empty()) kernels_.push_back(pass_.kernel());
  }

  RowSpec row_;  // what comes out so far
  ElementPass pass_;
  std::vector<PlannedKernel> kernels_;
  bool texts_ = false;
};

}  // namespace

bool has_kernel(std::string_view op) noexcept { return std::ranges::binary_search(kOpsWithKernels, op); }

Result<std::vector<PlannedKernel>> plan_kernels(std::span<const std::unique_ptr<Op>> ops, const RowSpec& input) {
  PYSERVER_RETURN_IF_ERROR(check_row(input));
  Plan plan(input);
  for (std::size_t index = 0; index < ops.size(); ++index) {
    const Op& op = *ops[index];
    const auto told = [&](const Status& status) {
      return Status(status.code(), concat(place_of(index, op), ": ", status.message()));
    };
    Result<RowSpec> output = op.check(plan.row());
    if (!output.ok()) return told(output.status());
    const std::optional<OpDescription> description = op.describe(plan.row());
    if (!description) return told(plan.no_kernel(op));
    if (Status status = plan.add(op, *description, *std::move(output)); !status.ok()) return told(status);
  }
  return std::move(plan).kernels();
}

}  // namespace pyserver::kernels
