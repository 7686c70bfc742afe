#include "net/system_reason.h"

#include <system_error>

namespace pyserver {

std::string system_reason(int error) {
  std::string reason = std::generic_category().message(error);
  // Only the first letter, and not that of an abbreviation.
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (reason.size() > 1 && is_capital(reason[0]) && !is_capital(reason[1])) {
    reason[0] = static_cast<char>(reason[0] - 'A' + 'a');
  }
  return reason;
}

}  // namespace pyserver
