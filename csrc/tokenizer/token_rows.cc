#include "tokenizer/token_rows.h"

#include <algorithm>

#include "base/text.h"

namespace pyserver {
namespace {

std::size_t special_tokens(const TokenRowOptions& options) { return options.before.size() + options.after.size(); }

std::span<const std::int32_t> cut(std::span<const std::int32_t> text, const TokenRowOptions& options) {
  if (!options.max_length) return text;
  const std::size_t kept = std::min(text.size(), *options.max_length - special_tokens(options));
  return options.cut == Side::kRight ? text.first(kept) : text.last(kept);
}

// Writes one row, whose places hold padding already.
class RowWriter {
 public:
  RowWriter(Encoded& out, std::size_t start) : out_(out), at_(start) {}

  void write(std::int64_t id, std::int64_t type) {
    out_.ids[at_] = id;
    out_.mask[at_] = 1;
    out_.types[at_] = type;
    ++at_;
  }

 private:
  Encoded& out_;
  std::size_t at_;
};

}  // namespace

Status check(const TokenRowOptions& options) {
  const std::size_t special = special_tokens(options);
  if (options.max_length && *options.max_length <= special) {
    return invalid_argument(concat("expected a max_length of more than the ", special,
                                   " special tokens around each text, got ", *options.max_length));
  }
  return {};
}

Status make_rows(std::span<const std::span<const std::int32_t>> texts, const TokenRowOptions& options, Encoded& out) {
  const std::size_t special = special_tokens(options);
  std::size_t length = options.pad_to;
  for (const auto text : texts) length = std::max(length, cut(text, options).size() + special);
  if (length > 0 && texts.size() > options.max_elements / length) {
    return resource_exhausted(concat("expected at most ", options.max_elements, " tokens in a batch, got ",
                                     texts.size(), " rows of ", length));
  }

  out.rows = texts.size();
  out.length = length;
  out.ids.assign(out.rows * length, options.pad_id);
  out.mask.assign(out.rows * length, 0);
  out.types.assign(out.rows * length, options.pad_type);
  for (std::size_t row = 0; row < texts.size(); ++row) {
    const auto text = cut(texts[row], options);
    const std::size_t padding = length - text.size() - special;
    RowWriter writer(out, row * length + (options.pad == Side::kLeft ? padding : 0));
    for (const SpecialToken& token : options.before) writer.write(token.id, token.type);
    for (const std::int32_t id : text) writer.write(id, options.text_type);
    for (const SpecialToken& token : options.after) writer.write(token.id, token.type);
  }
  return {};
}

}  // namespace pyserver
