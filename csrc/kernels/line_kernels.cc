#include "kernels/line_kernels.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/text.h"
#include "kernels/source_text.h"

namespace pyserver::kernels {
namespace {

constexpr std::size_t kThreads = 256;
// A block looks at a line that is so long, unless there are many lines side by side, which threads read together.
constexpr std::size_t kLongLine = 32;
constexpr std::size_t kManyLines = 256;
// The kernel goes through a line once for each.
constexpr std::size_t kMostCandidates = 128;

PlannedKernel kernel_of(const char* name, const AxisLines& lines, const std::string& constants, const RowSpec& input,
                        const RowSpec& output) {
  const std::size_t count = lines.outer * lines.inner;
  const bool alone = lines.length >= kLongLine && (lines.inner == 1 || count < kManyLines);
  const std::size_t team = alone ? std::min(kThreads, std::bit_ceil(lines.length)) : 1;
  const std::size_t threads = alone ? team : std::min(kThreads, (count + 31) / 32 * 32);
  std::string source = include("numbers.cuh") + alias("In", type_of(input.datatype)) +
                       alias("Out", type_of(output.datatype)) + constant("kOuter", lines.outer) +
                       constant("kLength", lines.length) + constant("kInner", lines.inner) + constant("kTeam", team) +
                       constants + include(concat(name, ".cu"));
  return {name,
          std::move(source),
          static_cast<unsigned>(threads),
          static_cast<std::uint32_t>(alone ? count : (count + threads - 1) / threads),
          input,
          output};
}

}  // namespace

std::optional<PlannedKernel> line_kernel(const OpDescription& op, const RowSpec& input, const RowSpec& output) {
  if (const auto* softmax = std::get_if<SoftmaxDescription>(&op.what)) {
    return kernel_of("softmax", softmax->lines, "", input, output);
  }
  if (const auto* argmax = std::get_if<ArgmaxDescription>(&op.what)) {
    return kernel_of("argmax", argmax->lines, "", input, output);
  }
  if (const auto* l2 = std::get_if<L2NormalizeDescription>(&op.what)) {
    const std::string epsilon = "constexpr double kEpsilon = " + literal(l2->epsilon) + ";\n";
    return kernel_of("l2_normalize", l2->lines, epsilon, input, output);
  }
  const auto* top = std::get_if<TopKDescription>(&op.what);
  if (top == nullptr || top->k > kMostCandidates) return std::nullopt;
  return kernel_of("top_k", top->lines, constant("kTop", top->k), input, output);
}

RowSpec candidates_of(const TopKDescription& op, const RowSpec& input) {
  RowSpec candidates{Datatype::kFp64, input.shape};
  candidates.shape[input.shape.rank() - 1] = static_cast<std::int64_t>(op.k);
  candidates.shape.push_back(2);
  return candidates;
}

}  // namespace pyserver::kernels
