#include "engines/openvino/signature_completion.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "engines/openvino/batch_proof.h"
#include "engines/openvino/error_text.h"
#include "engines/openvino/model_ports.h"

namespace pyserver {
namespace {

// A port of the model, and what the caller says of it.
struct DescribedPort {
  ModelPort port;
  const TensorSpec* override_spec = nullptr;
  std::string_view kind;  // "input" or "output"

  const std::string& name() const { return override_spec != nullptr ? override_spec->name : port.name; }
  std::string title() const { return concat(kind, " ", pyserver::quoted(name())); }
  bool has_rank() const { return port.shape.rank().is_static(); }
};

Status check_override(const DescribedPort& described, Datatype datatype) {
  const TensorSpec& spec = *described.override_spec;
  if (spec.optional) {
    return invalid_argument(concat(described.title(), " cannot be optional: OpenVINO models need all their inputs"));
  }
  if (spec.datatype != datatype) {
    return invalid_argument(concat(described.title(), " is ", name_of(datatype), " in the model, but configured as ",
                                   name_of(spec.datatype)));
  }
  return {};
}

Status attach(const TensorSpec& spec, std::vector<DescribedPort>& ports, std::string_view kind) {
  const auto found = std::ranges::find_if(ports, [&](const DescribedPort& p) { return p.port.is_called(spec.name); });
  if (found == ports.end()) {
    std::string names;
    for (const DescribedPort& p : ports) names += concat(names.empty() ? "" : ", ", pyserver::quoted(p.port.name));
    return invalid_argument(concat("the model has no ", kind, " ", pyserver::quoted(spec.name), "; its ", kind,
                                   "s are ", names.empty() ? "none" : names));
  }
  if (found->override_spec != nullptr) {
    return invalid_argument(concat(kind, " ", pyserver::quoted(spec.name), " is configured twice"));
  }
  found->override_spec = &spec;
  return {};
}

Result<std::vector<DescribedPort>> describe(std::vector<ModelPort> ports, const std::vector<TensorSpec>& specs,
                                            std::string_view kind) {
  std::vector<DescribedPort> described;
  for (ModelPort& port : ports) described.push_back({.port = std::move(port), .kind = kind});
  for (const TensorSpec& spec : specs) PYSERVER_RETURN_IF_ERROR(attach(spec, described, kind));
  for (const DescribedPort& one : described) {
    const auto datatype = datatype_of(one.port.type);
    if (!datatype) {
      return invalid_argument(concat(one.title(), " has the element type ", pyserver::quoted(one.port.type.to_string()),
                                     ", which requests cannot carry"));
    }
    if (one.override_spec != nullptr) PYSERVER_RETURN_IF_ERROR(check_override(one, *datatype));
    if (one.has_rank() && static_cast<std::size_t>(one.port.shape.rank().get_length()) > Shape::kMaxRank) {
      return invalid_argument(concat(one.title(), " has ", one.port.shape.rank().get_length(), " dimensions; at most ",
                                     Shape::kMaxRank, " are supported"));
    }
  }
  return described;
}

// What lies behind the batch dimension.
ov::PartialShape without_batch(const ov::PartialShape& shape) {
  return ov::PartialShape(std::vector<ov::Dimension>(shape.begin() + 1, shape.end()));
}

// The model's shape `shape` (the batch dimension left out where `batching`), narrowed by the override.
Result<ov::PartialShape> narrowed(const DescribedPort& described, const ov::PartialShape& shape, bool batching) {
  if (described.override_spec == nullptr) {
    if (shape.rank().is_static()) return shape;
    return invalid_argument(concat(described.title(), " has no known number of dimensions; configure its shape"));
  }
  const Shape& wanted = described.override_spec->shape;
  const auto mismatch = [&] {
    return invalid_argument(concat(described.title(), " has the shape ", to_string(shape), " in the model",
                                   batching ? " (the batch dimension left out)" : "", ", but is configured as ",
                                   to_string(wanted)));
  };
  if (shape.rank().is_dynamic()) return partial_shape_of(wanted);
  if (wanted.rank() != shape.size()) return mismatch();
  ov::PartialShape out = shape;
  for (std::size_t axis = 0; axis < wanted.rank(); ++axis) {
    ov::Dimension& dimension = out[static_cast<std::ptrdiff_t>(axis)];
    if (wanted[axis] == kFreeDimension && dimension.is_dynamic()) continue;
    if (wanted[axis] < 0 || !dimension.compatible(wanted[axis])) return mismatch();
    dimension = wanted[axis];
  }
  return out;
}

// The shapes of the inputs without their batch dimension, or why the model cannot batch.
// With `may_free`, a first dimension that is fixed to 1 will do.
Result<std::vector<ov::PartialShape>> batched_shapes(const std::vector<DescribedPort>& inputs, bool may_free) {
  std::vector<ov::PartialShape> shapes;
  for (const DescribedPort& input : inputs) {
    ov::PartialShape rest = ov::PartialShape::dynamic();
    if (input.has_rank()) {
      if (input.port.shape.size() == 0) {
        return invalid_argument(concat("it cannot batch: ", input.title(), " is a scalar"));
      }
      const ov::Dimension& rows = input.port.shape[0];
      if (rows.is_static() && !(may_free && rows.get_length() == 1)) {
        return invalid_argument(
            concat("it cannot batch: the first dimension of ", input.title(), " is fixed to ", rows.get_length()));
      }
      rest = without_batch(input.port.shape);
    }
    auto shape = narrowed(input, rest, true);
    if (!shape.ok()) return std::move(shape).status();
    shapes.push_back(*std::move(shape));
  }
  return shapes;
}

// The rows that every input's first dimension admits.
std::int64_t row_limit(const std::vector<DescribedPort>& inputs) {
  std::int64_t limit = INT64_MAX;
  for (const DescribedPort& input : inputs) {
    if (!input.has_rank() || input.port.shape[0].is_static()) continue;
    const std::int64_t upper = input.port.shape[0].get_max_length();
    if (upper > 0) limit = std::min(limit, upper);
  }
  return limit;
}

// A batch dimension must admit one row: a lone request is a batch of one.
bool admits_one_row(const std::vector<DescribedPort>& inputs) {
  return std::ranges::all_of(
      inputs, [](const DescribedPort& input) { return !input.has_rank() || input.port.shape[0].compatible(1); });
}

struct Batching {
  std::int64_t max_batch_size = 0;
  std::vector<ov::PartialShape> input_shapes;  // with the batch dimension
};

Result<Batching> try_batching(const ov::Model& model, const std::vector<DescribedPort>& inputs,
                              std::optional<std::int64_t> wanted) {
  auto shapes = batched_shapes(inputs, wanted.has_value());
  if (!shapes.ok()) return std::move(shapes).status();
  PYSERVER_RETURN_IF_ERROR(prove_batching(model, *shapes));
  const std::int64_t limit = admits_one_row(inputs) ? row_limit(inputs) : 0;
  if (wanted.value_or(1) > limit) {
    return invalid_argument(concat("it cannot batch: max_batch_size is ", wanted.value_or(1),
                                   ", but the model takes at most ", limit, " rows"));
  }
  Batching batching{.max_batch_size = wanted.value_or(std::min(kDefaultMaxBatchSize, limit)), .input_shapes = {}};
  for (const ov::PartialShape& shape : *shapes) {
    batching.input_shapes.push_back(with_batch(ov::Dimension::dynamic(), shape));
  }
  return batching;
}

// Without a configured max_batch_size, the model decides whether it batches, and configured shapes must agree: a shape
// that lists the batch dimension would otherwise turn batching off without a word.
Status check_decision_is_the_models(const ov::Model& model, std::vector<DescribedPort> inputs) {
  const auto configured = batched_shapes(inputs, false);
  if (configured.ok()) return {};  // they fit; it is the model that cannot batch
  for (DescribedPort& input : inputs) input.override_spec = nullptr;
  if (!try_batching(model, inputs, std::nullopt).ok()) return {};
  return invalid_argument(
      concat(configured.status().message(),
             "; leave the batch dimension out, or set max_batch_size to 0 to list complete shapes"));
}

Result<Batching> plan_batching(const ov::Model& model, const std::vector<DescribedPort>& inputs,
                               std::optional<std::int64_t> wanted) {
  if (wanted.value_or(0) < 0) return invalid_argument(concat("max_batch_size must not be negative, got ", *wanted));
  if (wanted > 0) return try_batching(model, inputs, wanted);
  if (!wanted && std::ranges::all_of(inputs, &DescribedPort::has_rank)) {
    auto batching = try_batching(model, inputs, std::nullopt);
    if (batching.ok()) return batching;
    PYSERVER_RETURN_IF_ERROR(check_decision_is_the_models(model, inputs));
  }
  Batching alone;
  for (const DescribedPort& input : inputs) {
    auto shape = narrowed(input, input.port.shape, false);
    if (!shape.ok()) return std::move(shape).status();
    alone.input_shapes.push_back(*std::move(shape));
  }
  return alone;
}

bool has_these_shapes(const std::vector<DescribedPort>& inputs, const std::vector<ov::PartialShape>& shapes) {
  return std::ranges::equal(inputs, shapes, {}, [](const DescribedPort& input) { return input.port.shape; });
}

Result<std::vector<TensorSpec>> specs_of(const std::vector<DescribedPort>& ports, bool batching) {
  std::vector<TensorSpec> specs;
  for (const DescribedPort& one : ports) {
    ov::PartialShape shape = one.port.shape;
    if (batching) shape = without_batch(shape);
    auto narrow = narrowed(one, shape, batching);
    if (!narrow.ok()) return std::move(narrow).status();
    specs.push_back({.name = one.name(), .datatype = *datatype_of(one.port.type), .shape = shape_of(*narrow)});
  }
  return specs;
}

}  // namespace

Result<ModelSignature> complete_signature(ov::Model& model, const ModelOverrides& overrides) {
  auto inputs = describe(input_ports(model), overrides.inputs, "input");
  if (!inputs.ok()) return std::move(inputs).status();
  const auto batching = plan_batching(model, *inputs, overrides.max_batch_size);
  if (!batching.ok()) return batching.status();
  try {
    if (!has_these_shapes(*inputs, batching->input_shapes)) reshape_inputs(model, batching->input_shapes);
  } catch (const std::exception& exception) {
    return invalid_argument(concat("the model does not take the configured shapes: ", condensed(exception)));
  }
  // The outputs' shapes follow from the inputs', so they are looked at only now.
  auto outputs = describe(output_ports(model), overrides.outputs, "output");
  if (!outputs.ok()) return std::move(outputs).status();
  ModelSignature signature{.inputs = {}, .outputs = {}, .max_batch_size = batching->max_batch_size};
  for (std::size_t index = 0; index < inputs->size(); ++index) {
    (*inputs)[index].port.shape = batching->input_shapes[index];
  }
  auto input_specs = specs_of(*inputs, signature.batches());
  if (!input_specs.ok()) return std::move(input_specs).status();
  auto output_specs = specs_of(*outputs, signature.batches());
  if (!output_specs.ok()) return std::move(output_specs).status();
  signature.inputs = *std::move(input_specs);
  signature.outputs = *std::move(output_specs);
  return signature;
}

}  // namespace pyserver
