// Whether an answer holds what it must, and what else it tells.
//
// Thread-safe: no state is shared. Answers are read where they lie.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/status.h"
#include "codec/wire_format.h"
#include "loadgen/error_kind.h"
#include "loadgen/expectation.h"

namespace pyserver::loadgen {

// OK, or in a sentence what differs or cannot be read.
Status check_answer(const Expectation& expectation, std::span<const std::byte> message);

// Of a pyserver.v1.PredictResponse; nothing where it has none.
std::optional<Ledger> read_ledger(std::span<const std::byte> message) noexcept;

}  // namespace pyserver::loadgen
