// The signature of a model: what its files say, with the caller's overrides applied.
#pragma once

#include "base/status.h"
#include "engines/openvino/openvino_engine.h"
#include "openvino/core/model.hpp"

namespace pyserver {

// Reshapes `model` where the overrides ask for it (a batch dimension to free, free dimensions to fix).
// INVALID_ARGUMENT where they do not fit the model, or where it has a tensor that no signature can describe.
Result<ModelSignature> complete_signature(ov::Model& model, const ModelOverrides& overrides);

}  // namespace pyserver
