// Whether a model batches: whether row k of its outputs comes from row k of its inputs, as far as shapes can tell.
#pragma once

#include <vector>

#include "base/status.h"
#include "openvino/core/model.hpp"

namespace pyserver {

// `shapes` are the inputs' shapes, in the model's order, without the batch dimension. Reshapes copies of the model to
// several batches, the other dimensions left as they are; OK where every output then has just as many rows.
// Otherwise INVALID_ARGUMENT with a reason that begins with "it cannot batch: ". `model` is not changed.
Status prove_batching(const ov::Model& model, const std::vector<ov::PartialShape>& shapes);

// `shape` with `dimension` in front.
ov::PartialShape with_batch(const ov::Dimension& dimension, const ov::PartialShape& shape);

// Gives the model's inputs these shapes, in their order. May throw what OpenVINO throws.
void reshape_inputs(ov::Model& model, const std::vector<ov::PartialShape>& shapes);

}  // namespace pyserver
