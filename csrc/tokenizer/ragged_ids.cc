#include "tokenizer/ragged_ids.h"

#include "base/text.h"

namespace pyserver {
namespace {

std::span<const std::int32_t> values(const ov::Tensor& tensor) {
  if (tensor.get_size() == 0) return {};
  return {tensor.data<const std::int32_t>(), tensor.get_size()};
}

}  // namespace

Status read_ragged_ids(ov::InferRequest& request, std::size_t texts, std::vector<std::span<const std::int32_t>>& out) {
  const auto begins = values(request.get_output_tensor(0));
  const auto ends = values(request.get_output_tensor(1));
  const auto ids = values(request.get_output_tensor(2));
  if (begins.size() != texts || ends.size() != texts) {
    return internal_error(concat("the tokenizer was given ", texts, " texts and gave ", begins.size(), " beginnings, ",
                                 ends.size(), " ends"));
  }
  for (std::size_t text = 0; text < texts; ++text) {
    const std::int32_t begin = begins[text];
    const std::int32_t end = ends[text];
    if (begin < 0 || end < begin || static_cast<std::size_t>(end) > ids.size()) {
      return internal_error(
          concat("the tokenizer gave ", ids.size(), " tokens, and text ", text, " the tokens ", begin, " to ", end));
    }
    out.push_back(ids.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
  }
  return {};
}

}  // namespace pyserver
