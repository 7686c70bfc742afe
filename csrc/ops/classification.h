// The texts of the Open Inference Protocol's classification extension: "score:index" or "score:index:label".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "tensor/datatype.h"

namespace pyserver {

// Appends the `k` highest of `scores` (all of them where they are fewer) as BYTES elements, the highest first, each a
// 4-byte little-endian length and its text. Of equal scores the lowest index comes first; NaN comes after all numbers.
//
// The score is written as Triton writes it: "%f" of a float, "%d" of an integer; the label is left out where `labels`
// has none for the index. `scores` are back to back and need not be aligned. INVALID_ARGUMENT for BYTES.
Status append_top_k(std::span<const std::byte> scores, Datatype datatype, std::size_t k,
                    std::span<const std::string> labels, std::vector<std::byte>& out);

// The same, each text being the label alone, or the index where there is no label for it.
Status append_top_k_labels(std::span<const std::byte> scores, Datatype datatype, std::size_t k,
                           std::span<const std::string> labels, std::vector<std::byte>& out);

// The texts, or labels, of the first `k` of `candidates`, which somebody else has found and put in their order: pairs
// of FP64, a score and its index.
void append_candidates(std::span<const std::byte> candidates, std::size_t k, std::span<const std::string> labels,
                       bool labels_only, std::vector<std::byte>& out);

}  // namespace pyserver
