#include "engines/openvino/shape_guard.h"

#include "base/text.h"
#include "engines/openvino/batch_proof.h"
#include "engines/openvino/error_text.h"
#include "engines/openvino/model_ports.h"

namespace pyserver {
namespace {

// The rows to check with, whatever the batch has: they cannot matter to a model that batches. Not one, which would
// broadcast to anything.
constexpr std::int64_t kRows = 2;

}  // namespace

ShapeGuard::ShapeGuard(const ov::Model& model, const ModelSignature& signature) : batches_(signature.batches()) {
  const std::size_t first = batches_ ? 1 : 0;
  for (std::size_t input = 0; input < signature.inputs.size(); ++input) {
    const Shape& shape = signature.inputs[input].shape;
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] == kFreeDimension) free_axes_.emplace_back(input, axis + first);
    }
  }
  if (!free_axes_.empty()) model_ = model.clone();
}

ShapeGuard::FreeDimensions ShapeGuard::free_dimensions(std::span<const TensorView> inputs) const {
  FreeDimensions dimensions;
  dimensions.reserve(free_axes_.size());
  for (const auto& [input, axis] : free_axes_) dimensions.push_back(inputs[input].shape[axis]);
  return dimensions;
}

Status ShapeGuard::infer_shapes(std::span<const TensorView> inputs) {
  std::vector<ov::PartialShape> shapes;
  for (const TensorView& input : inputs) {
    Shape shape = input.shape;
    if (batches_) shape[0] = kRows;
    shapes.push_back(partial_shape_of(shape));
  }
  try {
    reshape_inputs(*model_, shapes);
    return {};
  } catch (const std::exception& exception) {
    return invalid_argument(concat("the model does not take inputs of these shapes together: ", condensed(exception)));
  }
}

Status ShapeGuard::check(std::span<const TensorView> inputs) {
  if (free_axes_.empty()) return {};
  FreeDimensions dimensions = free_dimensions(inputs);
  std::scoped_lock lock(mutex_);
  if (known_.contains(dimensions)) return {};
  PYSERVER_RETURN_IF_ERROR(infer_shapes(inputs));
  if (known_.size() >= kMaxKnown) known_.clear();
  known_.insert(std::move(dimensions));
  return {};
}

}  // namespace pyserver
