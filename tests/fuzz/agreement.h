// Ends a fuzzer's run with a sentence where two things that should agree do not.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace pyserver::fuzz {

[[noreturn]] inline void disagree(std::string_view what) {
  std::fprintf(stderr, "disagreement: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

inline void require(bool agrees, std::string_view what) {
  if (!agrees) disagree(what);
}

inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace pyserver::fuzz
