#include "inference/row_probe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>

namespace pyserver {
namespace {

using Rows = std::vector<float>;
// The rows of x → the rows of y, of one element each.
using Model = std::function<Rows(const Rows&)>;

// A model of one input [-1] and one output [1].
class RowsInstance final : public EngineInstance {
 public:
  // `sizes`: the free dimensions that the model takes.
  RowsInstance(Model model, std::vector<std::int64_t> sizes) : model_(std::move(model)), sizes_(std::move(sizes)) {}

  Status execute(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) override {
    const std::int64_t rows = inputs[0].shape[0], size = inputs[0].shape[1];
    if (std::find(sizes_.begin(), sizes_.end(), size) == sizes_.end()) return invalid_argument("no such size");
    Rows firsts;
    for (std::int64_t row = 0; row < rows; ++row) {
      float value;
      std::memcpy(&value, inputs[0].bytes.data() + static_cast<std::size_t>(row * size) * sizeof value, sizeof value);
      firsts.push_back(value);
    }
    made_ = model_(firsts);
    outputs.push_back({.name = "y",
                       .datatype = Datatype::kFp32,
                       .shape = {static_cast<std::int64_t>(made_.size()), 1},
                       .bytes = std::as_bytes(std::span(made_))});
    return {};
  }

 private:
  const Model model_;
  const std::vector<std::int64_t> sizes_;
  Rows made_;
};

std::optional<bool> verdict(Model model, std::vector<std::int64_t> sizes = {8}) {
  const ModelSignature signature = {.inputs = {{.name = "x", .datatype = Datatype::kFp32, .shape = {kFreeDimension}}},
                                    .outputs = {{.name = "y", .datatype = Datatype::kFp32, .shape = {1}}},
                                    .max_batch_size = 2};
  RowsInstance instance(std::move(model), std::move(sizes));
  return mixes_rows(signature, instance);
}

TEST(RowProbe, SaysThatRowsWhichOnlyDependOnThemselvesDoNotMix) {
  EXPECT_EQ(verdict([](const Rows& rows) { return rows; }), false);
}

TEST(RowProbe, FindsARowThatDependsOnItsNeighbour) {
  EXPECT_EQ(verdict([](const Rows& rows) { return Rows(rows.rbegin(), rows.rend()); }), true);
}

TEST(RowProbe, TakesAnotherNumberOfRowsForMixing) {
  EXPECT_EQ(verdict([](const Rows& rows) { return Rows{rows[0]}; }), true);
}

TEST(RowProbe, TriesOtherSizesWhereTheModelDoesNotTakeTheFirst) {
  EXPECT_EQ(verdict([](const Rows& rows) { return rows; }, {224}), false);
}

TEST(RowProbe, KnowsNothingOfAModelThatTakesNoneOfItsSizes) {
  EXPECT_EQ(verdict([](const Rows& rows) { return rows; }, {}), std::nullopt);
}

}  // namespace
}  // namespace pyserver
