#include "kernels/resize_kernels.h"

#include <algorithm>
#include <span>
#include <string>

#include "base/text.h"
#include "kernels/source_text.h"
#include "ops/resample/tap_tables.h"

namespace pyserver::kernels {
namespace {

using Passes = ResampleTables::Passes;

constexpr std::size_t kThreads = 256;
// What compilers take without much delay.
constexpr std::size_t kMostNumbers = std::size_t{1} << 16;

// The rules of source/weigh_rules.cuh that do the passes, the type of weights, and what lies between the passes.
struct RuleNames {
  const char* lines;
  const char* columns;
  const char* weight;
  Datatype between;
};

RuleNames names_of(WeighRule rule) {
  switch (rule) {
    case WeighRule::kFloats: return {"Floats", "Floats", "Fp64", Datatype::kFp32};
    case WeighRule::kOpenCvLinear: return {"BytesToSums", "LinearSums", "Int32", Datatype::kInt32};
    case WeighRule::kOpenCvSums: return {"BytesToSums", "Sums", "Int32", Datatype::kInt32};
    case WeighRule::kOpenCvFloats: return {"BytesToFloats", "FloatsToBytes", "Fp32", Datatype::kFp32};
    case WeighRule::kOpenCvWholeAreas: return {"BytesToFloats", "SumsOfFloats", "Fp32", Datatype::kFp32};
    case WeighRule::kPillowBytes: break;
  }
  return {"PillowBytes", "PillowBytes", "Int32", Datatype::kUint8};
}

std::string index_table(std::string_view name, const std::vector<std::int32_t>& numbers) {
  const std::vector<std::int64_t> wide(numbers.begin(), numbers.end());
  return table<std::int64_t>("Uint32", name, wide);
}

std::string weight_table(std::string_view type, const std::vector<double>& weights) {
  if (type == "Fp64") return table<double>(type, "kWeights", weights);
  if (type == "Fp32") {
    const std::vector<float> narrow(weights.begin(), weights.end());
    return table<float>(type, "kWeights", narrow);
  }
  const std::vector<std::int64_t> whole(weights.begin(), weights.end());
  return table<std::int64_t>(type, "kWeights", whole);
}

std::string sizes(const RowSpec& input, const RowSpec& output) {
  const auto side = [](const RowSpec& row, std::size_t axis) { return static_cast<std::size_t>(row.shape[axis]); };
  return constant("kSourceHeight", side(input, 0)) + constant("kSourceWidth", side(input, 1)) +
         constant("kHeight", side(output, 0)) + constant("kWidth", side(output, 1)) +
         constant("kChannels", side(output, 2));
}

PlannedKernel with_a_thread_an_element(const char* name, std::string source, const RowSpec& input,
                                       const RowSpec& output) {
  const auto elements = static_cast<std::size_t>(output.shape.element_count().value_or(0));
  const std::size_t threads = std::min(kThreads, (elements + 31) / 32 * 32);
  return {name,
          std::move(source),
          static_cast<unsigned>(threads),
          static_cast<std::uint32_t>((elements + threads - 1) / threads),
          input,
          output};
}

// `rows`: which row of the input each is, along whose line it is weighed; empty: the same.
PlannedKernel weighing(const TapTable& taps, bool along_lines, const std::vector<std::int32_t>& rows,
                       const RuleNames& names, const RowSpec& input, const RowSpec& output) {
  std::string source =
      include("weigh_rules.cuh") + alias("In", type_of(input.datatype)) + alias("Out", type_of(output.datatype)) +
      alias("Rule", along_lines ? names.lines : names.columns) + sizes(input, output) +
      concat("constexpr bool kAlongLines = ", along_lines ? "true" : "false", ";\n") + constant("kTaps", taps.stride) +
      index_table("kFirst", taps.first) + index_table("kCount", taps.count) + weight_table(names.weight, taps.weights);
  if (!rows.empty()) source += index_table("kRows", rows);
  source += concat("__device__ inline Uint32 row_of(Uint32 y) { return ", rows.empty() ? "y" : "kRows[y]", "; }\n");
  source += include("weigh_pixels.cu");
  return with_a_thread_an_element("resize", std::move(source), input, output);
}

PlannedKernel picking(const ResampleTables& tables, const RowSpec& input, const RowSpec& output) {
  std::string source = include("numbers.cuh") + alias("In", type_of(input.datatype)) + sizes(input, output) +
                       index_table("kColumnOf", tables.columns) + index_table("kRowOf", tables.rows) +
                       include("pick_pixels.cu");
  return with_a_thread_an_element("resize", std::move(source), input, output);
}

}  // namespace

std::optional<std::vector<PlannedKernel>> resize_kernels(const Resampling& r, const RowSpec& input) {
  const ResampleTables tables = resample_tables(r);
  const std::size_t numbers =
      tables.across.weights.size() + tables.down.weights.size() + tables.rows.size() + tables.columns.size();
  if (numbers > kMostNumbers) return std::nullopt;
  const RowSpec output{input.datatype, {r.target_height, r.target_width, r.channels}};
  const RuleNames names = names_of(tables.rule);
  switch (tables.passes) {
    case Passes::kNone: return std::vector<PlannedKernel>();
    case Passes::kNearest: return std::vector{picking(tables, input, output)};
    case Passes::kLines: return std::vector{weighing(tables.across, true, {}, names, input, output)};
    case Passes::kColumns: return std::vector{weighing(tables.down, false, {}, names, input, output)};
    case Passes::kColumnsThenLines: {
      const RowSpec between{names.between, {r.target_height, r.source_width, r.channels}};
      return std::vector{weighing(tables.down, false, {}, names, input, between),
                         weighing(tables.across, true, {}, names, between, output)};
    }
    case Passes::kLinesThenColumns: break;
  }
  const auto height = static_cast<std::int64_t>(tables.rows.size());
  const RowSpec between{names.between, {height, r.target_width, r.channels}};
  return std::vector{weighing(tables.across, true, tables.rows, names, input, between),
                     weighing(tables.down, false, {}, names, between, output)};
}

}  // namespace pyserver::kernels
