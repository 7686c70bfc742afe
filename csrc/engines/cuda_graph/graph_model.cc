#include "engines/cuda_graph/graph_model.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/text.h"

namespace pyserver {
namespace {

Status check_spec(std::string_view kind, const TensorSpec& spec) {
  const auto refuse = [&](std::string_view why) {
    return invalid_argument(concat(kind, " ", quoted(spec.name), " cannot be used by a captured graph: ", why));
  };
  if (spec.datatype == Datatype::kBytes) return refuse("texts (BYTES) have no fixed size");
  if (spec.optional) return refuse("an optional input has no fixed address");
  return {};
}

// The complete shape of `spec`: its own, or the one in `given`.
Result<Shape> complete(std::string_view kind, const TensorSpec& spec, const ShapesByName& given) {
  const auto found = given.find(spec.name);
  if (found == given.end()) {
    if (!spec.shape.has_free_dimension()) return spec.shape;
    return invalid_argument(concat(kind, " ", quoted(spec.name), " of shape ", to_string(spec.shape),
                                   " has free dimensions, and no complete shape is given for it"));
  }
  if (!found->second.has_free_dimension() && spec.shape.admits(found->second)) return found->second;
  return invalid_argument(concat(kind, " ", quoted(spec.name), ": expected a complete shape within ",
                                 to_string(spec.shape), ", got ", to_string(found->second)));
}

// A name that no tensor has is a mistake in the configuration.
Status check_names(std::string_view kind, const ShapesByName& given, std::span<const TensorSpec> specs) {
  for (const auto& [name, shape] : given) {
    if (std::ranges::find(specs, name, &TensorSpec::name) == specs.end()) {
      return invalid_argument(concat("a shape is given for ", quoted(name), ", which is no ", kind, " of the model"));
    }
  }
  return {};
}

Result<std::size_t> capacity_of(std::string_view kind, const TensorSpec& spec, const Shape& row, std::int64_t rows) {
  const auto bytes = bytes_of_rows(spec, row, rows);
  if (bytes) return *bytes;
  return invalid_argument(concat(kind, " ", quoted(spec.name), " is too large: ", rows, " rows of ", to_string(row)));
}

}  // namespace

std::optional<std::size_t> bytes_of_rows(const TensorSpec& spec, const Shape& row, std::int64_t rows) noexcept {
  const auto elements = row.element_count();
  if (!elements || rows < 0) return std::nullopt;
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(*elements, rows, &bytes)) return std::nullopt;
  if (__builtin_mul_overflow(bytes, static_cast<std::int64_t>(size_of(spec.datatype)), &bytes)) return std::nullopt;
  return static_cast<std::size_t>(bytes);
}

Result<GraphModel> GraphModel::create(const CudaGraphOptions& options) {
  for (const TensorSpec& spec : options.signature.inputs) PYSERVER_RETURN_IF_ERROR(check_spec("input", spec));
  for (const TensorSpec& spec : options.signature.outputs) PYSERVER_RETURN_IF_ERROR(check_spec("output", spec));
  if (options.signature.inputs.empty())
    return invalid_argument("a captured graph needs an input, and the model has none");
  if (options.signature.outputs.empty()) {
    return invalid_argument("a captured graph needs an output, and the model has none");
  }
  if (options.profiles.empty()) return invalid_argument("expected at least one profile, got none");
  auto buckets = BucketPlan::create(options.signature.max_batch_size, options.buckets, options.preferred);
  if (!buckets.ok()) return std::move(buckets).status();
  GraphModel model(options.signature, *std::move(buckets));
  model.input_capacities_.resize(options.signature.inputs.size());
  for (const ShapesByName& profile : options.profiles) PYSERVER_RETURN_IF_ERROR(model.add_profile(profile));
  PYSERVER_RETURN_IF_ERROR(model.measure_outputs(options.max_output_shapes));
  std::size_t lane = 0;
  for (const auto* capacities : {&model.input_capacities_, &model.output_capacities_}) {
    for (const std::size_t bytes : *capacities) {
      if (__builtin_add_overflow(lane, bytes, &lane)) return invalid_argument("the model's tensors are too large");
    }
  }
  return model;
}

Status GraphModel::add_profile(const ShapesByName& given) {
  PYSERVER_RETURN_IF_ERROR(check_names("input", given, signature_.inputs));
  Shapes shapes;
  for (std::size_t input = 0; input < signature_.inputs.size(); ++input) {
    const TensorSpec& spec = signature_.inputs[input];
    const Result<Shape> shape = complete("input", spec, given);
    if (!shape.ok()) return shape.status();
    const Result<std::size_t> bytes = capacity_of("input", spec, *shape, buckets_.largest());
    if (!bytes.ok()) return bytes.status();
    input_capacities_[input] = std::max(input_capacities_[input], *bytes);
    shapes.push_back(*shape);
  }
  profiles_.push_back(std::move(shapes));
  return {};
}

Status GraphModel::measure_outputs(const ShapesByName& largest) {
  PYSERVER_RETURN_IF_ERROR(check_names("output", largest, signature_.outputs));
  for (const TensorSpec& spec : signature_.outputs) {
    const Result<Shape> shape = complete("output", spec, largest);
    if (!shape.ok()) return shape.status();
    const Result<std::size_t> bytes = capacity_of("output", spec, *shape, buckets_.largest());
    if (!bytes.ok()) return bytes.status();
    output_capacities_.push_back(*bytes);
  }
  return {};
}

std::size_t GraphModel::lane_bytes() const noexcept {
  const std::size_t inputs = std::accumulate(input_capacities_.begin(), input_capacities_.end(), std::size_t{0});
  return std::accumulate(output_capacities_.begin(), output_capacities_.end(), inputs);
}

Result<std::int64_t> GraphModel::read_shapes(std::span<const ScatteredTensor> inputs, Shapes& shapes) const {
  if (inputs.size() != signature_.inputs.size()) {
    return internal_error(concat("expected ", signature_.inputs.size(), " inputs, got ", inputs.size()));
  }
  const std::int64_t rows = signature_.batches() ? inputs.front().whole.shape[0] : 1;
  if (rows < 1) return invalid_argument(concat("input ", quoted(signature_.inputs.front().name), " has no rows"));
  shapes.clear();
  for (const ScatteredTensor& input : inputs) {
    shapes.push_back(signature_.batches() ? input.whole.shape.without_front() : input.whole.shape);
  }
  return rows;
}

Result<GraphModel::Shapes> GraphModel::complete_outputs(const ShapesByName& free, std::int64_t rows) const {
  PYSERVER_RETURN_IF_ERROR(check_names("output", free, signature_.outputs));
  Shapes shapes;
  for (std::size_t output = 0; output < signature_.outputs.size(); ++output) {
    const TensorSpec& spec = signature_.outputs[output];
    const Result<Shape> shape = complete("output", spec, free);
    if (!shape.ok()) return shape.status();
    const auto bytes = bytes_of_rows(spec, *shape, rows);
    if (!bytes || *bytes > output_capacities_[output]) {
      return invalid_argument(concat("output ", quoted(spec.name), ": ", rows, " rows of ", to_string(*shape),
                                     " do not fit into the ", output_capacities_[output],
                                     " bytes that there are for it"));
    }
    shapes.push_back(*shape);
  }
  return shapes;
}

std::string GraphModel::describe(const Shapes& shapes) const {
  std::string text;
  for (std::size_t input = 0; input < shapes.size(); ++input) {
    if (input > 0) text += ", ";
    text += concat(signature_.inputs[input].name, " ", to_string(shapes[input]));
  }
  return text;
}

}  // namespace pyserver
