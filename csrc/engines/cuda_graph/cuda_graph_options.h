// What a model on a GPU is, for whoever builds an engine of captured graphs for it. A value.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "inference/model_signature.h"

namespace pyserver {

// By the tensor's name. As in TensorSpec, without the batch dimension where the model batches.
using ShapesByName = std::map<std::string, Shape>;

struct CudaGraphOptions {
  std::string engine;  // its name, such as "tensorrt"
  ModelSignature signature;
  // Rows that graphs are captured for; none: chosen (see bucket_plan.h), with the preferred sizes among them.
  std::vector<std::int64_t> buckets;
  std::vector<std::int64_t> preferred;
  // Complete shapes of the inputs that have free dimensions; one graph a bucket is captured for each.
  std::vector<ShapesByName> profiles{{}};
  // Complete shapes of the outputs that have free dimensions, large enough for every profile.
  ShapesByName max_output_shapes;
  int instances = 1;
  int lanes = 2;  // of each instance
  // A batch that fits no graph is an error even where something could execute it without one.
  bool strict_graphs = false;
};

}  // namespace pyserver
