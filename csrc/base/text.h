// Building the sentences of error messages.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace pyserver {

// `text` in single quotes, safe to log and to send: control characters, quotes, backslashes and bytes that are not
// UTF-8 are written as \xNN, and what goes beyond `max_bytes` is cut, marked by "…".
std::string quoted(std::string_view text, std::size_t max_bytes = 128);

namespace internal {
inline void append(std::string& out, std::string_view text) { out.append(text); }
inline void append(std::string& out, char c) { out.push_back(c); }
template <std::integral T>
void append(std::string& out, T value) {
  out.append(std::to_string(value));
}
}  // namespace internal

// The parts, one after another: strings, characters, integers.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  (internal::append(out, parts), ...);
  return out;
}

}  // namespace pyserver
