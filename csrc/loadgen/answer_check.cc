#include "loadgen/answer_check.h"

namespace pyserver::loadgen {

Status check_answer(const Expectation&, std::span<const std::byte>) { return {}; }

std::optional<Ledger> read_ledger(std::span<const std::byte>) noexcept { return std::nullopt; }

}  // namespace pyserver::loadgen
