#include "engines/cuda_graph/graph_table.h"

#include <utility>

#include "base/text.h"

namespace pyserver {

GraphTable::GraphTable(const GraphModel& model)
    : model_(model), graphs_(model.profiles().size() * model.buckets().count()) {}

Status GraphTable::check_free(std::int64_t rows, std::size_t profile) const {
  const auto bucket = model_.buckets().index_of(rows);
  if (!bucket) return invalid_argument(concat("there is no bucket of ", rows, " rows"));
  if (profile >= model_.profiles().size()) {
    return invalid_argument(concat("there are ", model_.profiles().size(), " profiles, and no profile ", profile));
  }
  if (!has(*bucket, profile)) return {};
  return {StatusCode::kAlreadyExists,
          concat("there is a graph for ", rows, " rows of ", model_.describe(model_.profiles()[profile]), " already")};
}

void GraphTable::add(std::size_t profile, CapturedGraph graph) {
  const std::size_t bucket = *model_.buckets().index_of(graph.rows);
  graphs_[index(bucket, profile)] = std::move(graph);
  count_ += 1;
}

CapturedGraph* GraphTable::find(std::int64_t rows, const GraphModel::Shapes& shapes) noexcept {
  const auto first = model_.buckets().index_for(rows);
  if (!first) return nullptr;
  for (std::size_t profile = 0; profile < model_.profiles().size(); ++profile) {
    if (model_.profiles()[profile] != shapes) continue;
    for (std::size_t bucket = *first; bucket < model_.buckets().count(); ++bucket) {
      if (auto& graph = graphs_[index(bucket, profile)]) return &*graph;
    }
  }
  return nullptr;
}

std::string GraphTable::describe() const {
  std::string text;
  for (std::size_t profile = 0; profile < model_.profiles().size(); ++profile) {
    std::string rows;
    for (std::size_t bucket = 0; bucket < model_.buckets().count(); ++bucket) {
      if (has(bucket, profile)) rows += concat(rows.empty() ? "" : ", ", model_.buckets().buckets()[bucket]);
    }
    if (rows.empty()) continue;
    if (!text.empty()) text += "; ";
    text += concat(rows, " rows of ", model_.describe(model_.profiles()[profile]));
  }
  return text.empty() ? "nothing" : text;
}

}  // namespace pyserver
