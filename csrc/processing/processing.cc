#include "processing/processing.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "processing/row_reader.h"

namespace pyserver {
namespace {

// Whether whatever has the shape `given` has the shape `taken`: what is free in the first is free in the second.
bool always_admits(const Shape& taken, const Shape& given) {
  return std::ranges::equal(taken.dimensions(), given.dimensions(), [](std::int64_t takes, std::int64_t gives) {
    return takes == kFreeDimension || takes == gives;
  });
}

std::string names_of(const std::vector<TensorSpec>& specs) {
  std::string all;
  for (const TensorSpec& spec : specs) all += concat(all.empty() ? "" : ", ", quoted(spec.name));
  return all;
}

Status no_output(const ModelSignature& model, std::string_view output) {
  return invalid_argument(concat("the model has no output ", quoted(output), ": expected ", names_of(model.outputs)));
}

Status about(std::string_view what, std::string_view name, const Status& status) {
  return {status.code(), concat(what, " ", quoted(name), ": ", status.message())};
}

}  // namespace

Processing::Processing(ModelSignature model) : model_(std::move(model)), client_(model_) {}

Status Processing::add_input(TensorSpec client, std::string_view input, std::vector<std::unique_ptr<Op>> ops) {
  const int found = model_.input_index(input);
  if (found < 0) {
    return invalid_argument(concat("the model has no input ", quoted(input), ": expected ", names_of(model_.inputs)));
  }
  const auto index = static_cast<std::size_t>(found);
  if (makes_input(index)) return invalid_argument(concat("input ", quoted(input), " is made twice"));
  if (client.name != input && client_.input_index(client.name) >= 0) {
    return invalid_argument(concat("input ", quoted(client.name), ": another input has that name"));
  }
  Result<OpChain> chain = OpChain::create(std::move(ops), {client.datatype, client.shape});
  if (!chain.ok()) return about("input", client.name, chain.status());
  const TensorSpec& target = model_.inputs[index];
  const RowSpec& given = chain->output();
  const bool fits = always_admits(target.shape, given.shape);
  const bool leading_one = !fits && !model_.batches() && given.shape.rank() < Shape::kMaxRank &&
                           always_admits(target.shape, given.shape.with_front(1));
  if (given.datatype != target.datatype || !(fits || leading_one)) {
    return invalid_argument(concat("input ", quoted(client.name), ": its ops give ", to_string(given),
                                   ", but the model's input ", quoted(target.name), " takes ",
                                   to_string(RowSpec{target.datatype, target.shape})));
  }
  client.optional = target.optional;
  client_.inputs[index] = std::move(client);
  made_inputs_.push_back({index, index, leading_one, *std::move(chain)});
  return {};
}

Status Processing::add_labels(std::string_view output, std::vector<std::string> labels) {
  if (model_.output_index(output) < 0) return no_output(model_, output);
  labels_[std::string(output)] = std::move(labels);
  return {};
}

std::span<const std::string> Processing::labels(std::string_view output) const {
  const auto found = labels_.find(output);
  return found == labels_.end() ? std::span<const std::string>{} : found->second;
}

Status Processing::add_output(std::string_view output, std::vector<std::unique_ptr<Op>> ops) {
  const int found = model_.output_index(output);
  if (found < 0) return no_output(model_, output);
  const auto index = static_cast<std::size_t>(found);
  if (std::ranges::find(made_outputs_, index, &MadeOutput::index) != made_outputs_.end()) {
    return invalid_argument(concat("output ", quoted(output), " has two chains"));
  }
  const TensorSpec& source = model_.outputs[index];
  const bool leading_one = !model_.batches() && source.shape.rank() > 1 && source.shape[0] == 1;
  const Shape row = leading_one ? source.shape.without_front() : source.shape;
  Result<OpChain> chain = OpChain::create(std::move(ops), {source.datatype, row});
  if (!chain.ok()) return about("output", output, chain.status());
  const RowSpec& given = chain->output();
  client_.outputs[index].datatype = given.datatype;
  client_.outputs[index].shape = leading_one ? given.shape.with_front(1) : given.shape;
  made_outputs_.push_back({index, leading_one, *std::move(chain)});
  return {};
}

bool Processing::makes_input(std::size_t model_input) const noexcept {
  return std::ranges::find(made_inputs_, model_input, &MadeInput::model) != made_inputs_.end();
}

Result<Shape> Processing::plan_rows(const MadeInput& made, const TensorView& source, std::int64_t rows) const {
  RowReader reader(source, !model_.batches());
  std::optional<Shape> shape;
  for (std::int64_t row = 0; row < rows; ++row) {
    Result<Shape> planned = made.chain.plan(reader.next());
    if (planned.ok() && shape && *planned != *shape) {
      planned = invalid_argument(concat("it is made into ", to_string(*planned), ", but row 1 into ", to_string(*shape),
                                        ": the rows of one request must be made alike"));
    }
    if (!planned.ok()) {
      return rows == 1 ? planned.status()
                       : Status(planned.status().code(), concat("row ", row + 1, ": ", planned.status().message()));
    }
    shape = *planned;
  }
  if (!shape) return invalid_argument("it has no rows");
  if (model_.batches()) return shape->with_front(rows);
  return made.leading_one ? shape->with_front(1) : *shape;
}

Status Processing::plan(Request& request) const {
  if (made_inputs_.empty()) return {};
  request.sources = request.inputs;
  for (const MadeInput& made : made_inputs_) {
    const TensorView& source = request.sources[made.client];
    const TensorSpec& spec = model_.inputs[made.model];
    if (source.name.empty()) continue;  // absent
    Result<Shape> shape = plan_rows(made, source, request.rows);
    if (!shape.ok()) return about("input", source.name, shape.status());
    request.inputs[made.model] = {spec.name, spec.datatype, *shape, {}};
  }
  return {};
}

}  // namespace pyserver
