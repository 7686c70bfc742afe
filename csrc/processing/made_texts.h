// MadeTexts: the inputs of a model that one tokenizer makes from the client's texts.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "inference/model_signature.h"
#include "inference/request.h"
#include "tokenizer/tokenizer.h"

namespace pyserver {

// The names of the model's inputs; where one is empty, the model does not take that.
struct TextTargets {
  std::string ids;
  std::string mask;
  std::string types;
};

struct MadeTexts {
  // What one input gets of what the tokenizer gives.
  struct Target {
    std::size_t model;  // index in model().inputs
    std::vector<std::int64_t> Encoded::* values;
  };

  std::string name;        // the client's
  std::size_t client = 0;  // index in client().inputs
  std::shared_ptr<Tokenizer> tokenizer;
  std::vector<Target> targets;
};

// INVALID_ARGUMENT where the model has no such inputs, or takes other datatypes, shapes or lengths than the tokenizer
// gives.
Result<MadeTexts> make_texts(const ModelSignature& model, std::string name, std::shared_ptr<Tokenizer> tokenizer,
                             const TextTargets& targets);

// The texts of one client's input: a row each. Views into the tensor.
std::vector<std::string_view> texts_of(const TensorView& source);

// Writes `values` as `datatype`, INT64 or INT32, to `room`, which has their size.
void write_tokens(std::span<const std::int64_t> values, Datatype datatype, std::span<std::byte> room);

}  // namespace pyserver
