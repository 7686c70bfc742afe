// Tokenizer: texts → what a language model takes: token ids, the mask of what is no padding, token types.
//
// The work from a text to its tokens is a model that openvino-tokenizers' operations execute; pyserver/tokenizer makes
// it of a Hugging Face tokenizer.json. Special tokens, truncation and padding are done here (token_rows.h).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "tokenizer/token_rows.h"

namespace pyserver {

struct TokenizerOptions {
  TokenRowOptions rows;
  int threads = 1;  // calls of encode() that run at the same time; one more waits
  std::size_t max_text_bytes = std::size_t{1} << 20;
};

// Thread-safe. Each encode() computes on one thread.
class Tokenizer {
 public:
  // `model_path` is the model's XML file, `extension_path` openvino-tokenizers' library. INVALID_ARGUMENT where they,
  // or the options, cannot be used.
  static Result<std::unique_ptr<Tokenizer>> load(const std::string& model_path, const std::string& extension_path,
                                                 TokenizerOptions options);
  virtual ~Tokenizer() = default;

  // INVALID_ARGUMENT, naming the row, for a text that is not UTF-8 or too long.
  virtual Status check(std::span<const std::string_view> texts) const = 0;

  virtual const TokenRowOptions& rows() const noexcept = 0;

  // One row a text; no text gives no row. INVALID_ARGUMENT, naming the row, for a text that is not UTF-8 or too long;
  // RESOURCE_EXHAUSTED where the batch becomes too large.
  virtual Status encode(std::span<const std::string_view> texts, Encoded& out) = 0;
};

}  // namespace pyserver
