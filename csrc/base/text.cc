#include "base/text.h"

namespace pyserver {
namespace {

// The length of the well-formed UTF-8 sequence at the start of `text`, or 0 (Unicode 15, table 3-7).
std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

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
