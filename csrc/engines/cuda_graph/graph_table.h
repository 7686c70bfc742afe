// GraphTable: the captured graphs of one lane, one a bucket and profile. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cuda/graph.h"
#include "engines/cuda_graph/graph_model.h"

namespace pyserver {

// Members are destroyed from the last to the first: the graph goes before what it uses.
struct CapturedGraph {
  std::shared_ptr<const void> owner;  // of the memory that the graph uses beside the lane's; may be null
  std::int64_t rows = 0;              // its bucket
  GraphModel::Shapes output_shapes;   // complete, without the batch dimension
  cuda::GraphExec exec;
};

class GraphTable {
 public:
  // `model` must outlive the table.
  explicit GraphTable(const GraphModel& model);

  // ALREADY_EXISTS where there is one for the bucket and the profile; INVALID_ARGUMENT where there is no such bucket or
  // profile.
  Status check_free(std::int64_t rows, std::size_t profile) const;
  // Of graph.rows, which check_free() let pass.
  void add(std::size_t profile, CapturedGraph graph);

  // The graph with the least padding for a batch of `rows` rows of these shapes; null where there is none.
  CapturedGraph* find(std::int64_t rows, const GraphModel::Shapes& shapes) noexcept;

  std::size_t count() const noexcept { return count_; }
  bool has(std::size_t bucket, std::size_t profile) const noexcept {
    return graphs_[index(bucket, profile)].has_value();
  }
  // "1, 2, 4 rows of x [3, 224, 224]", profile after profile.
  std::string describe() const;

 private:
  std::size_t index(std::size_t bucket, std::size_t profile) const noexcept {
    return profile * model_.buckets().count() + bucket;
  }

  const GraphModel& model_;
  std::vector<std::optional<CapturedGraph>> graphs_;
  std::size_t count_ = 0;
};

}  // namespace pyserver
