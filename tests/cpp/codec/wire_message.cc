#include "codec/wire_message.h"

namespace pyserver::test {

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
  return out;
}

std::string number(std::uint32_t field, std::uint64_t value) {
  return varint(std::uint64_t{field} << 3).append(varint(value));
}

std::string sized(std::uint32_t field, std::string_view value) {
  return varint(std::uint64_t{field} << 3 | 2).append(varint(value.size())).append(value);
}

}  // namespace pyserver::test
