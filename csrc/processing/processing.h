// Processing: what one model version does with requests before its engine, and with outputs after it.
//
// It gives the version two faces: client() is what requests bring and get, model() what the engine takes and gives. An
// input that has a chain of ops is made, row by row, from what the client sends under its name; an output that has one
// is answered as the chain gives it. All else passes as it is.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "inference/model_signature.h"
#include "inference/request.h"
#include "ops/op_chain.h"
#include "processing/made_texts.h"

namespace pyserver {

// One input of the model that a chain makes.
struct MadeInput {
  TensorSpec source;   // what clients send
  std::size_t client;  // index in client().inputs
  std::size_t model;   // index in model().inputs
  // A model that does not batch may want a first dimension of 1 before what the chain gives.
  bool leading_one;
  OpChain chain;
};

// One output of the model that a chain turns into the client's.
struct MadeOutput {
  std::size_t index;  // in both signatures
  // A model that does not batch may still give a first dimension of 1: the chain does not see it.
  bool leading_one;
  OpChain chain;
};

// Ops that the engine does itself, to one of its inputs before the model or to one of its outputs after it.
struct EngineOps {
  std::string client;  // the tensor, as clients call it
  std::string model;   // and as the model does
  std::vector<std::string> ops;
};

// Built by one thread; immutable, so thread-safe, from then on.
class Processing {
 public:
  // Nothing is done yet, and both faces are the same.
  explicit Processing(ModelSignature model);

  // The model's input `input` is made by `ops` from the client's input `client`, which takes its place.
  // INVALID_ARGUMENT, naming input, op and mismatch, where the model has no such input, two ops do not fit, or what the
  // last one gives is not always what the model takes.
  Status add_input(TensorSpec client, std::string_view input, std::vector<std::unique_ptr<Op>> ops);
  // The model's inputs `targets` are made by `tokenizer` from the client's input `client`, a BYTES element a row.
  // INVALID_ARGUMENT where they take other datatypes, shapes or lengths than it gives.
  Status add_texts(std::string client, std::shared_ptr<Tokenizer> tokenizer, const TextTargets& targets);
  // The model's output `output` goes through `ops`. INVALID_ARGUMENT likewise.
  Status add_output(std::string_view output, std::vector<std::unique_ptr<Op>> ops);

  // What the classes of an output are called, for those who ask for classes instead of scores. INVALID_ARGUMENT where
  // the model has no such output.
  Status add_labels(std::string_view output, std::vector<std::string> labels);
  // None where nobody said.
  std::span<const std::string> labels(std::string_view output) const;

  // Told to whoever asks what is done to requests; nothing here depends on it.
  void tell_input_ops(EngineOps told) { told_inputs_.push_back(std::move(told)); }
  void tell_output_ops(EngineOps told) { told_outputs_.push_back(std::move(told)); }
  const std::vector<EngineOps>& told_inputs() const noexcept { return told_inputs_; }
  const std::vector<EngineOps>& told_outputs() const noexcept { return told_outputs_; }

  const ModelSignature& client() const noexcept { return client_; }
  const ModelSignature& model() const noexcept { return model_; }
  const std::vector<MadeInput>& made_inputs() const noexcept { return made_inputs_; }
  const std::vector<MadeTexts>& made_texts() const noexcept { return made_texts_; }
  const std::vector<MadeOutput>& made_outputs() const noexcept { return made_outputs_; }
  bool makes_input(std::size_t model_input) const noexcept;
  bool makes_inputs() const noexcept { return !made_inputs_.empty() || !made_texts_.empty(); }
  bool makes_outputs() const noexcept { return !made_outputs_.empty(); }

  // For a request that was admitted by client(): its inputs become `sources`, and `inputs` become the model's, with
  // their shapes; those that are made have no bytes yet, and those made of texts a free length: that is the longest of
  // their batch. INVALID_ARGUMENT, naming the input and the row, where a row is
  // bad, or the rows of one request are made into different shapes.
  Status plan(Request& request) const;

 private:
  // What clients send, from all that is made.
  void set_client_inputs();
  Status check_name(std::string_view client, std::span<const std::size_t> targets) const;
  Status plan_texts(const MadeTexts& made, Request& request) const;
  Result<Shape> plan_rows(const MadeInput& made, const TensorView& source, std::int64_t rows) const;

  const ModelSignature model_;
  ModelSignature client_;
  std::vector<std::size_t> sources_;  // for each of the model's inputs, which of the client's it comes from
  std::vector<MadeInput> made_inputs_;
  std::vector<MadeTexts> made_texts_;
  std::vector<MadeOutput> made_outputs_;
  std::vector<EngineOps> told_inputs_;
  std::vector<EngineOps> told_outputs_;
  std::map<std::string, std::vector<std::string>, std::less<>> labels_;
};

}  // namespace pyserver
