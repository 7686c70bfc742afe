// Tensors of the core as NumPy arrays, and back. BYTES is an object array of bytes, BF16 one of uint16 bit patterns, as
// in pyserver/tensors.py. All of it needs the GIL, and throws what Python throws.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <span>

#include "base/status.h"
#include "inference/model_signature.h"
#include "python/held_references.h"
#include "tensor/tensor_view.h"

namespace pyserver {

// An array of the tensor's elements: read-only and where they lie, but for BYTES, which is copied.
pybind11::array view_as_array(const TensorView& tensor);

// After the tensor's memory has gone, nobody may read it: an array that somebody still has is made empty. False where
// somebody has it. Views of it that were made meanwhile cannot be reached.
bool take_back(const pybind11::array& array);

// `given` as output `spec` of a batch, its memory kept by `held`. What does not lie as a tensor must, or lies in the
// memory of `inputs`, is copied, and `copied` is set. INTERNAL where it is no array, or of another datatype.
Result<TensorView> tensor_of(const TensorSpec& spec, const pybind11::object& given, std::span<const TensorView> inputs,
                             HeldReferences& held, bool& copied);

}  // namespace pyserver
