// grpc-timeout: at most eight digits and a unit (H, M, S, m, u, n).
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace pyserver {

// nullopt where it is none. Times too long for the clock become the longest that it has.
std::optional<Duration> parse_timeout(std::string_view text) noexcept;

}  // namespace pyserver
