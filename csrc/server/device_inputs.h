// Inputs that lie on a GPU, in clients' CUDA shared memory: only some models can read them there.
#pragma once

#include "base/status.h"
#include "inference/engine.h"
#include "inference/request.h"
#include "processing/processing.h"

namespace pyserver {

// INVALID_ARGUMENT, naming the input, where the engine does not read the memory of that GPU, or where the CPU would
// have to pre-process the input: nothing is copied behind the caller's back. `request` was admitted; `processing` may
// be null.
Status check_device_inputs(const Engine& engine, const Processing* processing, const Request& request);

}  // namespace pyserver
