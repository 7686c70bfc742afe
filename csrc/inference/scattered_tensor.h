// ScatteredTensor: one input of a batch whose rows lie in several places, one request's after another's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor_view.h"

namespace pyserver {

struct ScatteredTensor {
  // Name, datatype and the batch's shape; no bytes. An absent optional input is a default-made view without parts.
  TensorView whole;
  // In the order of the rows; together as many bytes as the shape asks for. They need not be aligned.
  std::span<const std::span<const std::byte>> parts;
  // Empty, or one a part: its address in CUDA shared memory (its bytes then only tell the size); 0 where it lies in
  // host memory.
  std::span<const std::uint64_t> device_parts;
};

// Inputs that lie in one piece each. They look into `inputs`, which must outlive them unchanged.
inline std::vector<ScatteredTensor> in_one_part(std::span<const TensorView> inputs) {
  std::vector<ScatteredTensor> scattered;
  for (const TensorView& input : inputs) {
    ScatteredTensor& tensor = scattered.emplace_back();
    tensor.whole = input;
    tensor.whole.bytes = {};
    tensor.parts = {&input.bytes, 1};
  }
  return scattered;
}

}  // namespace pyserver
