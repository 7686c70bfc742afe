#include "base/text.h"

#include "base/utf8.h"

namespace pyserver {
namespace {

void append_escaped(std::string& out, unsigned char byte) {
  constexpr char kHex[] = "0123456789abcdef";
  out.append("\\x").push_back(kHex[byte >> 4]);
  out.push_back(kHex[byte & 15]);
}

}  // namespace

std::string quoted(std::string_view text, std::size_t max_bytes) {
  std::string out = "'";
  std::size_t position = 0;
  while (position < text.size()) {
    const std::size_t length = utf8_sequence(text.substr(position));
    const std::size_t step = length == 0 ? 1 : length;
    if (position + step > max_bytes) {
      out.append("…");
      break;
    }
    const unsigned char first = static_cast<unsigned char>(text[position]);
    // U+0080 to U+009F are control characters too; in UTF-8 they begin with 0xC2.
    const bool control = first < 0x20 || first == 0x7F ||
                         (length == 2 && first == 0xC2 && static_cast<unsigned char>(text[position + 1]) < 0xA0);
    if (length == 0 || control || first == '\'' || first == '\\') {
      for (std::size_t i = 0; i < step; ++i) append_escaped(out, static_cast<unsigned char>(text[position + i]));
    } else {
      out.append(text.substr(position, step));
    }
    position += step;
  }
  out.push_back('\'');
  return out;
}

}  // namespace pyserver
