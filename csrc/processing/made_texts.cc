#include "processing/made_texts.h"

#include <cstring>
#include <utility>

#include "base/text.h"

namespace pyserver {
namespace {

Status check_target(const ModelSignature& model, const TensorSpec& spec, const TokenRowOptions& rows) {
  if (spec.datatype != Datatype::kInt64 && spec.datatype != Datatype::kInt32) {
    return invalid_argument(concat("expected INT64 or INT32 tokens, takes ", name_of(spec.datatype)));
  }
  const std::size_t rank = model.batches() ? 1 : 2;
  const bool fits = spec.shape.rank() == rank && (model.batches() || spec.shape[0] == 1 || spec.shape[0] < 0);
  if (!fits) {
    return invalid_argument(concat("expected ", model.batches() ? "[tokens]" : "[1, tokens]", " for each text, takes ",
                                   to_string(spec.shape)));
  }
  const std::int64_t length = spec.shape[rank - 1];
  const auto fixed = static_cast<std::size_t>(length);
  if (length >= 0 && (rows.pad_to != fixed || rows.max_length != fixed)) {
    return invalid_argument(
        concat("it takes exactly ", length, " tokens: expected padding: max_length and max_length: ", length));
  }
  return {};
}

}  // namespace

Result<MadeTexts> make_texts(const ModelSignature& model, std::string name, std::shared_ptr<Tokenizer> tokenizer,
                             const TextTargets& targets) {
  MadeTexts made{std::move(name), 0, std::move(tokenizer), {}};
  const std::pair<const std::string&, std::vector<std::int64_t> Encoded::*> all[] = {
      {targets.ids, &Encoded::ids}, {targets.mask, &Encoded::mask}, {targets.types, &Encoded::types}};
  for (const auto& [target, values] : all) {
    if (target.empty()) continue;
    const int index = model.input_index(target);
    if (index < 0) return invalid_argument(concat("the model has no input ", quoted(target)));
    const TensorSpec& spec = model.inputs[static_cast<std::size_t>(index)];
    if (Status status = check_target(model, spec, made.tokenizer->rows()); !status.ok()) {
      return invalid_argument(concat("the model's input ", quoted(target), ": ", status.message()));
    }
    made.targets.push_back({static_cast<std::size_t>(index), values});
  }
  if (made.targets.empty()) return invalid_argument("expected at least one of the model's inputs to be made of texts");
  return made;
}

std::vector<std::string_view> texts_of(const TensorView& source) {
  std::vector<std::string_view> texts;
  std::span<const std::byte> rest = source.bytes;
  while (!rest.empty()) {
    const std::span<const std::byte> text = take_bytes_element(rest);
    texts.emplace_back(reinterpret_cast<const char*>(text.data()), text.size());
  }
  return texts;
}

void write_tokens(std::span<const std::int64_t> values, Datatype datatype, std::span<std::byte> room) {
  if (values.empty()) return;
  if (datatype == Datatype::kInt64) {
    std::memcpy(room.data(), values.data(), values.size_bytes());
    return;
  }
  std::byte* to = room.data();
  for (const std::int64_t value : values) {
    const auto narrow = static_cast<std::int32_t>(value);  // the tokenizer's ids are of 32 bits
    std::memcpy(to, &narrow, sizeof narrow);
    to += sizeof narrow;
  }
}

}  // namespace pyserver
