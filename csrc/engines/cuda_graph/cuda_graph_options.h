// What a model on a GPU is, for whoever builds an engine of captured graphs for it. A value.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "inference/model_signature.h"
#include "kernels/device_chain.h"

namespace pyserver {

// By the tensor's name. As in TensorSpec, without the batch dimension where the model batches.
using ShapesByName = std::map<std::string, Shape>;

using DeviceChains = std::map<std::string, std::shared_ptr<const kernels::DeviceChain>>;

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
  // Ops that are executed beside the model, by the name of the input that they make or of the output that they take.
  // What requests bring and get is then what goes into the former and comes out of the latter.
  DeviceChains preprocess;
  DeviceChains postprocess;
  int instances = 1;
  int lanes = 2;  // of each instance
  // A batch that fits no graph is an error even where something could execute it without one.
  bool strict_graphs = false;
};

}  // namespace pyserver
