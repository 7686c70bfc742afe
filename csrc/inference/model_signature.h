// ModelSignature: what a model takes and gives.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/datatype.h"
#include "tensor/shape.h"

namespace pyserver {

struct TensorSpec {
  std::string name;
  Datatype datatype = Datatype::kFp32;
  // -1 is a free dimension. Where the model batches, the batch dimension is not listed.
  Shape shape;
  // Only for inputs: a request may leave it out.
  bool optional = false;

  friend bool operator==(const TensorSpec&, const TensorSpec&) = default;
};

struct ModelSignature {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  // Rows of the largest batch. 0: the model does not batch, shapes are complete, and every request runs alone.
  std::int64_t max_batch_size = 0;

  bool batches() const noexcept { return max_batch_size > 0; }
  // The index of a name, or -1.
  int input_index(std::string_view name) const noexcept;
  int output_index(std::string_view name) const noexcept;
};

}  // namespace pyserver
