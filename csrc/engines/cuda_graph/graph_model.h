// GraphModel: the shapes and sizes of a model that captured graphs execute: its buckets, its profiles, and how many
// bytes each tensor takes at most. Immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "engines/cuda_graph/bucket_plan.h"
#include "engines/cuda_graph/cuda_graph_options.h"
#include "inference/model_signature.h"
#include "inference/scattered_tensor.h"

namespace pyserver {

class GraphModel {
 public:
  // One an input; complete, without the batch dimension.
  using Shapes = std::vector<Shape>;

  // INVALID_ARGUMENT, naming the tensor, for what a graph cannot have: optional inputs, BYTES, a free dimension that no
  // profile fixes, sizes beyond what can be counted.
  static Result<GraphModel> create(const CudaGraphOptions& options);

  const ModelSignature& signature() const noexcept { return signature_; }
  const BucketPlan& buckets() const noexcept { return buckets_; }
  std::span<const Shapes> profiles() const noexcept { return profiles_; }

  // Bytes of an input or output with the largest bucket and profile.
  std::size_t input_capacity(std::size_t input) const noexcept { return input_capacities_[input]; }
  std::size_t output_capacity(std::size_t output) const noexcept { return output_capacities_[output]; }
  // Of all inputs and outputs: what one lane takes.
  std::size_t lane_bytes() const noexcept;

  // The shapes of a batch's inputs without the batch dimension go into `shapes`; returns the rows. INVALID_ARGUMENT
  // where it has none.
  Result<std::int64_t> read_shapes(std::span<const ScatteredTensor> inputs, Shapes& shapes) const;

  // Complete shapes of all outputs, of `free` for those that have free dimensions. INVALID_ARGUMENT, naming the output,
  // where one is missing, contradicts the signature, or does not fit into its capacity with `rows` rows.
  Result<Shapes> complete_outputs(const ShapesByName& free, std::int64_t rows) const;

  // "x [3, 224, 224], y [2]"
  std::string describe(const Shapes& shapes) const;

 private:
  GraphModel(ModelSignature signature, BucketPlan buckets)
      : signature_(std::move(signature)), buckets_(std::move(buckets)) {}
  Status add_profile(const ShapesByName& given);
  Status measure_outputs(const ShapesByName& largest);

  ModelSignature signature_;
  BucketPlan buckets_;
  std::vector<Shapes> profiles_;
  std::vector<std::size_t> input_capacities_;
  std::vector<std::size_t> output_capacities_;
};

// Bytes of `rows` rows of this shape; nothing where it has a free dimension or the number cannot be counted.
std::optional<std::size_t> bytes_of_rows(const TensorSpec& spec, const Shape& row, std::int64_t rows) noexcept;

}  // namespace pyserver
