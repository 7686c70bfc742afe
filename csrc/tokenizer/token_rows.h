// From the tokens of each text to what a model takes: special tokens, truncation, padding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"

namespace pyserver {

// A token that is put before or after every text, such as BERT's [CLS].
struct SpecialToken {
  std::int64_t id = 0;
  std::int64_t type = 0;  // its token_type_id
};

enum class Side { kRight, kLeft };

struct TokenRowOptions {
  std::vector<SpecialToken> before;
  std::vector<SpecialToken> after;
  std::int64_t text_type = 0;  // token_type_id of the text's own tokens

  // Tokens of a row at most, special ones included; the text's tokens are cut at this side.
  std::optional<std::size_t> max_length;
  Side cut = Side::kRight;

  // Rows are filled up to the batch's longest, or to this length where it is longer.
  std::size_t pad_to = 0;
  Side pad = Side::kRight;
  std::int64_t pad_id = 0;
  std::int64_t pad_type = 0;

  // rows × length at most: one long text makes every row of its batch long.
  std::size_t max_elements = std::size_t{1} << 22;
};

// rows × length, one row after another. Reused from batch to batch.
struct Encoded {
  std::size_t rows = 0;
  std::size_t length = 0;
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> mask;  // 1: a token, 0: padding
  std::vector<std::int64_t> types;
};

// INVALID_ARGUMENT where max_length leaves no room for the special tokens.
Status check(const TokenRowOptions& options);

// `texts`: the tokens of each text, without special ones. As Hugging Face's `tokenizers` does it: cut, then surround,
// then pad. RESOURCE_EXHAUSTED beyond max_elements. May throw std::bad_alloc.
Status make_rows(std::span<const std::span<const std::int32_t>> texts, const TokenRowOptions& options, Encoded& out);

}  // namespace pyserver
