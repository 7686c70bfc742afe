// top_k: the highest scores with their labels, as texts.
#include <algorithm>

#include "base/text.h"
#include "ops/axis.h"
#include "ops/classification.h"
#include "ops/element.h"
#include "ops/op_description.h"
#include "ops/op_registry.h"

namespace pyserver {
namespace {

class TopK final : public Op {
 public:
  TopK(std::int64_t k, std::vector<std::string> labels, bool labels_only, bool of_candidates)
      : k_(k), labels_(std::move(labels)), labels_only_(labels_only), of_candidates_(of_candidates) {}

  std::string_view name() const noexcept override { return "top_k"; }

  Result<RowSpec> check(const RowSpec& input) const override {
    PYSERVER_RETURN_IF_ERROR(expect_numbers(input));
    const std::size_t rank = input.shape.rank();
    if (of_candidates_) return check_candidates(input);
    if (rank == 0 || input.shape[rank - 1] == 0) {
      return invalid_argument(concat("expected scores along the last dimension, got ", to_string(input)));
    }
    const std::int64_t scores = input.shape[rank - 1];
    if (!labels_.empty() && scores != kFreeDimension && scores != static_cast<std::int64_t>(labels_.size())) {
      return invalid_argument(
          concat("expected as many scores as labels, ", labels_.size(), ", got ", to_string(input)));
    }
    Shape shape = input.shape;
    shape[rank - 1] = scores == kFreeDimension ? kFreeDimension : std::min(k_, scores);
    return RowSpec{Datatype::kBytes, shape};
  }

  Result<Shape> shape_for(const TensorView& input) const override {
    const Result<RowSpec> row = check({input.datatype, input.shape});
    if (!row.ok()) return row.status();
    return row->shape;
  }

  Status run(const TensorView&, std::span<std::byte>, RowContext&) const override {
    return internal_error("top_k gives texts");
  }

  Status append_texts(const TensorView& input, std::vector<std::byte>& output, RowContext&) const override {
    const std::size_t rank = input.shape.rank();
    const auto scores = static_cast<std::size_t>(of_candidates_ ? input.shape[rank - 2] * 2 : input.shape[rank - 1]);
    const std::size_t line = scores * size_of(input.datatype);
    for (std::size_t at = 0; at < input.bytes.size(); at += line) {
      if (of_candidates_) {
        append_candidates(input.bytes.subspan(at, line), static_cast<std::size_t>(k_), labels_, labels_only_, output);
        continue;
      }
      const auto append = labels_only_ ? append_top_k_labels : append_top_k;
      PYSERVER_RETURN_IF_ERROR(
          append(input.bytes.subspan(at, line), input.datatype, static_cast<std::size_t>(k_), labels_, output));
    }
    return {};
  }

  // FP64 holds every score that is a float.
  std::optional<OpDescription> describe(const RowSpec& input) const override {
    if (of_candidates_ || !is_float(input.datatype)) return std::nullopt;
    AxisLines lines{1, static_cast<std::size_t>(input.shape[input.shape.rank() - 1]), 1};
    for (std::size_t at = 0; at + 1 < input.shape.rank(); ++at) {
      lines.outer *= static_cast<std::size_t>(input.shape[at]);
    }
    return OpDescription{TopKDescription{lines, std::min(static_cast<std::size_t>(k_), lines.length)}};
  }

 private:
  Result<RowSpec> check_candidates(const RowSpec& input) const {
    const std::size_t rank = input.shape.rank();
    if (input.datatype != Datatype::kFp64 || rank < 2 || input.shape[rank - 1] != 2 || input.shape[rank - 2] == 0) {
      return invalid_argument(concat("expected candidates of FP64 [..., n, 2], got ", to_string(input)));
    }
    Shape shape;
    for (std::size_t at = 0; at + 1 < rank; ++at) shape.push_back(input.shape[at]);
    if (shape[rank - 2] != kFreeDimension) shape[rank - 2] = std::min(k_, shape[rank - 2]);
    return RowSpec{Datatype::kBytes, shape};
  }

  const std::int64_t k_;
  const std::vector<std::string> labels_;
  const bool labels_only_;
  const bool of_candidates_;
};

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  options.main_option("k");
  const std::int64_t k = options.integer("k", 5, 1, std::int64_t{1} << 31);
  std::vector<std::string> labels = options.lines("labels");
  const bool labels_only = options.choice("form", {"classification", "label"}) == "label";
  const bool of_candidates = options.choice("of", {"scores", "candidates"}) == "candidates";
  if (labels_only && labels.empty()) options.refuse("form", "expected classification where there are no labels");
  return std::unique_ptr<Op>(std::make_unique<TopK>(k, std::move(labels), labels_only, of_candidates));
}

}  // namespace

OpEntry top_k_op() {
  return {"top_k", make,
          "BYTES, the highest scores along the last dimension, the highest first. k: how many (default 5; all where "
          "there are fewer). labels: a text file with a label a line, or a list (default none). form: classification "
          "(default, \"score:index:label\" as in the Open Inference Protocol) or label (the label alone). of: scores "
          "(default), or candidates, FP64 [..., n, 2] of scores and their indices, the highest first."};
}

}  // namespace pyserver
