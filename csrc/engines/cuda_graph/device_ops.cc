#include "engines/cuda_graph/device_ops.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace pyserver {
namespace {

// Puts what is outside of the chains in place of what is inside. `inside` and `outside` tell a chain's ends.
template <typename Inside, typename Outside>
Status replace_specs(std::string_view kind, const DeviceChains& chains, std::vector<TensorSpec>& specs,
                     const Inside& inside, const Outside& outside) {
  for (const auto& [name, chain] : chains) {
    const auto spec = std::ranges::find(specs, name, &TensorSpec::name);
    if (spec == specs.end()) return invalid_argument(concat("device ops: the model has no ", kind, " ", quoted(name)));
    const RowSpec& row = inside(*chain);
    if (row != RowSpec{spec->datatype, spec->shape}) {
      return invalid_argument(concat("device ops of ", kind, " ", quoted(name), ": expected ",
                                     to_string(RowSpec{spec->datatype, spec->shape}), ", got ", to_string(row)));
    }
    spec->datatype = outside(*chain).datatype;
    spec->shape = outside(*chain).shape;
  }
  return {};
}

const RowSpec& input_of(const kernels::DeviceChain& chain) { return chain.input(); }
const RowSpec& output_of(const kernels::DeviceChain& chain) { return chain.output(); }

std::size_t row_bytes(const RowSpec& row) {
  return static_cast<std::size_t>(row.shape.element_count().value_or(0)) * size_of(row.datatype);
}

}  // namespace

Result<CudaGraphOptions> with_chains_outside(const CudaGraphOptions& model) {
  CudaGraphOptions options = model;
  if (!model.signature.batches() && !(model.preprocess.empty() && model.postprocess.empty())) {
    return invalid_argument("device ops: the model does not batch, and has no rows");
  }
  PYSERVER_RETURN_IF_ERROR(replace_specs("input", model.preprocess, options.signature.inputs, output_of, input_of));
  PYSERVER_RETURN_IF_ERROR(replace_specs("output", model.postprocess, options.signature.outputs, input_of, output_of));
  // Chains are of complete shapes: those of the model that are given for their tensors say nothing about the outside.
  for (const auto& [name, chain] : model.preprocess) {
    for (ShapesByName& profile : options.profiles) profile.erase(name);
  }
  for (const auto& [name, chain] : model.postprocess) options.max_output_shapes.erase(name);
  return options;
}

Result<CUdeviceptr> DeviceOps::take(cuda::DevicePool& pool, std::size_t row_bytes, std::int64_t rows) {
  auto buffer = pool.take(std::max<std::size_t>(1, row_bytes * static_cast<std::size_t>(rows)));
  if (!buffer.ok()) return std::move(buffer).status();
  buffers_.push_back(*std::move(buffer));
  return buffers_.back().address();
}

Result<DeviceOps> DeviceOps::create(cuda::DevicePool& pool, const CudaGraphOptions& model, const LaneBuffers& outside,
                                    std::int64_t rows) {
  DeviceOps ops;
  std::size_t scratch = 0;
  const ModelSignature& signature = model.signature;
  for (std::size_t input = 0; input < signature.inputs.size(); ++input) {
    const auto found = model.preprocess.find(signature.inputs[input].name);
    ops.inputs_.push_back(outside.input(input));
    if (found == model.preprocess.end()) continue;
    const auto made = ops.take(pool, row_bytes(found->second->output()), rows);
    if (!made.ok()) return made.status();
    ops.before_.push_back({found->first, input, found->second, outside.input(input), *made});
    ops.inputs_.back() = *made;
    scratch = std::max(scratch, found->second->scratch_bytes(rows));
  }
  for (std::size_t output = 0; output < signature.outputs.size(); ++output) {
    const auto found = model.postprocess.find(signature.outputs[output].name);
    ops.outputs_.push_back(outside.output(output));
    if (found == model.postprocess.end()) continue;
    const auto given = ops.take(pool, row_bytes(found->second->input()), rows);
    if (!given.ok()) return given.status();
    ops.after_.push_back({found->first, output, found->second, *given, outside.output(output)});
    ops.outputs_.back() = *given;
    scratch = std::max(scratch, found->second->scratch_bytes(rows));
  }
  if (scratch > 0) {
    auto buffer = pool.take(scratch);
    if (!buffer.ok()) return std::move(buffer).status();
    ops.scratch_ = *std::move(buffer);
  }
  return ops;
}

GraphModel::Shapes DeviceOps::model_shapes(GraphModel::Shapes outside) const {
  for (const Chain& chain : before_) outside[chain.index] = chain.chain->output().shape;
  return outside;
}

void DeviceOps::drop_taken(ShapesByName& outputs) const {
  for (const Chain& chain : after_) outputs.erase(chain.tensor);
}

Status DeviceOps::enqueue(const std::vector<Chain>& chains, cuda::Stream& stream, std::int64_t rows) const {
  for (const Chain& chain : chains) {
    PYSERVER_RETURN_IF_ERROR(chain.chain->enqueue(stream, chain.from, chain.to, scratch_.address(), rows));
  }
  return {};
}

}  // namespace pyserver
