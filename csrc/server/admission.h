// Admission: does this request fit this model?
#pragma once

#include "base/status.h"
#include "inference/model_signature.h"
#include "inference/request.h"

namespace pyserver {

// Puts `request.inputs` into the signature's order (an absent optional input becomes a default-made view) and sets
// `request.rows`. Checks names, datatypes, shapes, the batch dimension and the wanted outputs; the contents were
// checked against datatype and shape by the decoder. INVALID_ARGUMENT, naming the tensor, what was expected and what
// came.
Status admit(const ModelSignature& signature, Request& request);

}  // namespace pyserver
