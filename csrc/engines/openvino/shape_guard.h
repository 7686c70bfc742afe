// Refuses inputs whose shapes do not go together before they reach OpenVINO's CPU plugin.
//
// Where free dimensions do not fit (two inputs of different lengths, a sequence longer than the position table), the
// plugin of OpenVINO 2026.4 may compute on with stale shapes, read beyond its buffers, or fail every later request of
// the compiled model. OpenVINO's shape inference on the model itself has none of these faults, but takes milliseconds;
// so it runs once for each combination of free dimensions.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <vector>

#include "base/status.h"
#include "inference/model_signature.h"
#include "openvino/core/model.hpp"
#include "tensor/tensor_view.h"

namespace pyserver {

// Thread-safe.
class ShapeGuard {
 public:
  // `model` has the shapes of `signature` and is copied, weights excepted.
  ShapeGuard(const ov::Model& model, const ModelSignature& signature);

  // INVALID_ARGUMENT where the model does not take these shapes together, which agree with the signature one by one.
  Status check(std::span<const TensorView> inputs);

 private:
  using FreeDimensions = std::vector<std::int64_t>;

  FreeDimensions free_dimensions(std::span<const TensorView> inputs) const;
  Status infer_shapes(std::span<const TensorView> inputs);

  // Far more combinations than a model meets; beyond it, all are learnt anew.
  static constexpr std::size_t kMaxKnown = 65536;

  const bool batches_;
  // (input, axis) of each free dimension behind the batch dimension.
  std::vector<std::pair<std::size_t, std::size_t>> free_axes_;
  std::mutex mutex_;
  std::shared_ptr<ov::Model> model_;  // guarded by mutex_; null where there is no free dimension
  std::set<FreeDimensions> known_;    // guarded by mutex_
};

}  // namespace pyserver
