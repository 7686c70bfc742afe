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

Processing::Processing(ModelSignature model) : model_(std::move(model)), client_(model_) { set_client_inputs(); }

void Processing::set_client_inputs() {
  client_.inputs.clear();
  sources_.assign(model_.inputs.size(), 0);
  for (MadeTexts& made : made_texts_) made.client = model_.inputs.size();  // not there yet
  for (std::size_t index = 0; index < model_.inputs.size(); ++index) {
    const auto texts = std::ranges::find_if(made_texts_, [index](const MadeTexts& made) {
      return std::ranges::find(made.targets, index, &MadeTexts::Target::model) != made.targets.end();
    });
    if (texts != made_texts_.end() && texts->client < client_.inputs.size()) {
      sources_[index] = texts->client;
      continue;
    }
    sources_[index] = client_.inputs.size();
    const auto made = std::ranges::find(made_inputs_, index, &MadeInput::model);
    if (texts != made_texts_.end()) {
      texts->client = client_.inputs.size();
      client_.inputs.push_back({texts->name, Datatype::kBytes, {}});
    } else if (made != made_inputs_.end()) {
      made->client = client_.inputs.size();
      client_.inputs.push_back(made->source);
    } else {
      client_.inputs.push_back(model_.inputs[index]);
    }
  }
}

// A client's input may have the name of what it makes, and of nothing else.
Status Processing::check_name(std::string_view client, std::span<const std::size_t> targets) const {
  const int same = client_.input_index(client);
  const bool own =
      std::ranges::any_of(targets, [&](std::size_t target) { return model_.inputs[target].name == client; });
  if (same < 0 || own) return {};
  return invalid_argument(concat("input ", quoted(client), ": another input has that name"));
}

Status Processing::add_texts(std::string client, std::shared_ptr<Tokenizer> tokenizer, const TextTargets& targets) {
  Result<MadeTexts> made = make_texts(model_, client, std::move(tokenizer), targets);
  if (!made.ok()) return about("input", client, made.status());
  std::vector<std::size_t> indexes;
  for (const MadeTexts::Target& target : made->targets) {
    if (makes_input(target.model)) {
      return invalid_argument(concat("input ", quoted(model_.inputs[target.model].name), " is made twice"));
    }
    indexes.push_back(target.model);
  }
  PYSERVER_RETURN_IF_ERROR(check_name(client, indexes));
  made_texts_.push_back(*std::move(made));
  set_client_inputs();
  return {};
}

Status Processing::add_input(TensorSpec client, std::string_view input, std::vector<std::unique_ptr<Op>> ops) {
  const int found = model_.input_index(input);
  if (found < 0) {
    return invalid_argument(concat("the model has no input ", quoted(input), ": expected ", names_of(model_.inputs)));
  }
  const auto index = static_cast<std::size_t>(found);
  if (makes_input(index)) return invalid_argument(concat("input ", quoted(input), " is made twice"));
  PYSERVER_RETURN_IF_ERROR(check_name(client.name, {&index, 1}));
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
  made_inputs_.push_back({std::move(client), 0, index, leading_one, *std::move(chain)});
  set_client_inputs();
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
  return std::ranges::find(made_inputs_, model_input, &MadeInput::model) != made_inputs_.end() ||
         std::ranges::any_of(made_texts_, [model_input](const MadeTexts& made) {
           return std::ranges::find(made.targets, model_input, &MadeTexts::Target::model) != made.targets.end();
         });
}

Result<Shape> Processing::plan_rows(const MadeInput& made, const TensorView& source, std::int64_t rows) const {
  RowReader reader(source, !model_.batches());
  std::optional<Shape> shape;
  for (std::int64_t row = 0; row < rows; ++row) {
    Result<Shape> planned = made.chain.plan(reader.next());
    if (planned.ok() && shape && *planned != *shape) {
      planned = invalid_argument(concat("it is made into ", to_string(*planned), ", but row 0 into ", to_string(*shape),
                                        ": the rows of one request must be made alike"));
    }
    if (!planned.ok()) {
      return rows == 1 ? planned.status()
                       : Status(planned.status().code(), concat("row ", row, ": ", planned.status().message()));
    }
    shape = *planned;
  }
  if (!shape) return invalid_argument("it has no rows");
  if (model_.batches()) return shape->with_front(rows);
  return made.leading_one ? shape->with_front(1) : *shape;
}

Status Processing::plan_texts(const MadeTexts& made, Request& request) const {
  const TensorView& source = request.sources[made.client];
  const std::vector<std::string_view> texts = texts_of(source);
  if (Status status = made.tokenizer->check(texts); !status.ok()) return about("input", source.name, status);
  for (const MadeTexts::Target& target : made.targets) {
    const TensorSpec& spec = model_.inputs[target.model];
    request.inputs[target.model] = {spec.name, spec.datatype, {request.rows, kFreeDimension}, {}};
  }
  return {};
}

Status Processing::plan(Request& request) const {
  if (!makes_inputs()) return {};
  request.sources = request.inputs;
  request.inputs.resize(model_.inputs.size());
  for (std::size_t index = 0; index < sources_.size(); ++index)
    request.inputs[index] = request.sources[sources_[index]];
  for (const MadeInput& made : made_inputs_) {
    const TensorView& source = request.sources[made.client];
    const TensorSpec& spec = model_.inputs[made.model];
    if (source.name.empty()) continue;  // absent
    Result<Shape> shape = plan_rows(made, source, request.rows);
    if (!shape.ok()) return about("input", source.name, shape.status());
    request.inputs[made.model] = {spec.name, spec.datatype, *shape, {}};
  }
  for (const MadeTexts& made : made_texts_) PYSERVER_RETURN_IF_ERROR(plan_texts(made, request));
  return {};
}

}  // namespace pyserver
