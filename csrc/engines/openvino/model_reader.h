// Reading model files.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "openvino/runtime/core.hpp"

namespace pyserver {

// Any format that OpenVINO knows: .onnx, .xml, a SavedModel folder, .pb, .tflite, .pdmodel, .json.
// INVALID_ARGUMENT, in one line that names the file, where it is missing or cannot be read.
Result<std::shared_ptr<ov::Model>> read_openvino_model(ov::Core& core, const std::string& path);

}  // namespace pyserver
