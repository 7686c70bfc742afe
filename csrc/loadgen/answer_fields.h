// What answers tell beside their tensors: pyserver's ledger, and, on streams, which request they answer and whether it
// failed.
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

// Of a pyserver.v1.PredictResponse; nothing where it has none.
std::optional<Ledger> read_ledger(std::span<const std::byte> message) noexcept;

// One message of a stream.
struct StreamAnswer {
  std::string_view id;
  std::span<const std::byte> response;  // what a unary call would have answered
  std::optional<ErrorKind> error;       // the request failed
  std::string_view sentence;
};
// INVALID_ARGUMENT where the message is malformed. kNone: all of it is the response.
Result<StreamAnswer> read_stream_answer(IdReader reader, std::span<const std::byte> message);

}  // namespace pyserver::loadgen
