// Compiling a model into the forms in which its instances run.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "engines/openvino/openvino_engine.h"
#include "openvino/runtime/core.hpp"

namespace pyserver {

// One compiled form, and how many instances of it may run at once.
struct CompiledForm {
  ov::CompiledModel model;
  InstanceGroup group;
};

// From the widest form to the narrowest. INVALID_ARGUMENT where an option or the model does not suit OpenVINO.
// Both forms share the model's weights.
Result<std::vector<CompiledForm>> compile_forms(ov::Core& core, const std::shared_ptr<ov::Model>& model,
                                                const OpenVinoOptions& options);

}  // namespace pyserver
