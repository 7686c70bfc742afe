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

namespace pyserver {

// One input of the model that a chain makes.
struct MadeInput {
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

// Built by one thread; immutable, so thread-safe, from then on.
class Processing {
 public:
  // Nothing is done yet, and both faces are the same.
  explicit Processing(ModelSignature model);

  // The model's input `input` is made by `ops` from the client's input `client`, which takes its place.
  // INVALID_ARGUMENT, naming input, op and mismatch, where the model has no such input, two ops do not fit, or what the
  // last one gives is not always what the model takes.
  Status add_input(TensorSpec client, std::string_view input, std::vector<std::unique_ptr<Op>> ops);
  // The model's output `output` goes through `ops`. INVALID_ARGUMENT likewise.
  Status add_output(std::string_view output, std::vector<std::unique_ptr<Op>> ops);

  // What the classes of an output are called, for those who ask for classes instead of scores. INVALID_ARGUMENT where
  // the model has no such output.
  Status add_labels(std::string_view output, std::vector<std::string> labels);
  // None where nobody said.
  std::span<const std::string> labels(std::string_view output) const;

  const ModelSignature& client() const noexcept { return client_; }
  const ModelSignature& model() const noexcept { return model_; }
  const std::vector<MadeInput>& made_inputs() const noexcept { return made_inputs_; }
  const std::vector<MadeOutput>& made_outputs() const noexcept { return made_outputs_; }
  bool makes_input(std::size_t model_input) const noexcept;

  // For a request that was admitted by client(): its inputs become `sources`, and `inputs` become the model's, with
  // their shapes; those that are made have no bytes yet. INVALID_ARGUMENT, naming the input and the row, where a row is
  // bad, or the rows of one request are made into different shapes.
  Status plan(Request& request) const;

 private:
  Result<Shape> plan_rows(const MadeInput& made, const TensorView& source, std::int64_t rows) const;

  const ModelSignature model_;
  ModelSignature client_;
  std::vector<MadeInput> made_inputs_;
  std::vector<MadeOutput> made_outputs_;
  std::map<std::string, std::vector<std::string>, std::less<>> labels_;
};

}  // namespace pyserver
