// RaggedIds: the token ids of texts, as an OpenVINO tokenizer model without padding gives them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "openvino/runtime/infer_request.hpp"

namespace pyserver {

// The model's outputs are begins, ends (one of each a text) and ids, all I32: ids[begins[k]:ends[k]] are text k's.
inline constexpr std::size_t kRaggedOutputs = 3;

// Appends one span a text; they borrow the request's memory. INTERNAL where the outputs do not fit one another.
Status read_ragged_ids(ov::InferRequest& request, std::size_t texts, std::vector<std::span<const std::int32_t>>& out);

}  // namespace pyserver
