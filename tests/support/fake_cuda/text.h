// Building the sentences of reports.
#pragma once

#include <sstream>
#include <string>

namespace fake_cuda {

template <typename... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

inline std::string hex(unsigned long long number) {
  std::ostringstream out;
  out << "0x" << std::hex << number;
  return out.str();
}

}  // namespace fake_cuda
