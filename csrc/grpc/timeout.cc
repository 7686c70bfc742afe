#include "grpc/timeout.h"

#include <cstdint>

namespace pyserver {
namespace {

constexpr std::size_t kMaxDigits = 8;

// Nanoseconds of a unit; 0 where it is none.
std::int64_t nanoseconds_of(char unit) noexcept {
  switch (unit) {
    case 'H': return 3'600'000'000'000;
    case 'M': return 60'000'000'000;
    case 'S': return 1'000'000'000;
    case 'm': return 1'000'000;
    case 'u': return 1'000;
    case 'n': return 1;
    default: return 0;
  }
}

}  // namespace

std::optional<Duration> parse_timeout(std::string_view text) noexcept {
  static_assert(std::is_same_v<Duration::period, std::nano>);
  if (text.size() < 2 || text.size() > kMaxDigits + 1) return std::nullopt;
  const std::int64_t unit = nanoseconds_of(text.back());
  if (unit == 0) return std::nullopt;
  std::int64_t count = 0;
  for (const char digit : text.substr(0, text.size() - 1)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    count = count * 10 + (digit - '0');
  }
  if (count > Duration::max().count() / unit) return Duration::max();
  return Duration(count * unit);
}

}  // namespace pyserver
