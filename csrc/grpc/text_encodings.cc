// Base64 and percent-encoding of metadata.h.
#include <array>
#include <cstdint>

#include "base/utf8.h"
#include "grpc/metadata.h"

namespace pyserver {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 0xff;

constexpr std::array<std::uint8_t, 256> kDigits = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return digits;
}();

std::uint8_t digit_of(char c) noexcept { return kDigits[static_cast<unsigned char>(c)]; }

// Without its padding, or nullptr's view where there is too much or too little of it.
std::string_view without_padding(std::string_view text) noexcept {
  const std::size_t size = text.find_last_not_of('=') + 1;
  const std::size_t padding = text.size() - size;
  if (size % 4 == 1) return {};
  if (padding != 0 && (padding > 2 || text.size() % 4 != 0)) return {};
  return {text.data() == nullptr ? "" : text.data(), size};
}

bool is_base64(std::string_view text) noexcept {
  const std::string_view digits = without_padding(text);
  if (digits.data() == nullptr) return false;
  std::uint8_t seen = 0;
  for (const char c : digits) seen |= digit_of(c);
  return (seen & 0xc0) == 0;  // only kNoDigit has these bits
}

constexpr char kHex[] = "0123456789ABCDEF";
constexpr std::string_view kEllipsis = "%E2%80%A6";

bool stays(unsigned char byte) noexcept { return byte >= 0x20 && byte <= 0x7e && byte != '%'; }

// -1 where it is no hexadecimal digit.
int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string encode_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0;
  };
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::uint32_t three = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    const std::size_t digits = std::min<std::size_t>(bytes.size() - i, 3) + 1;
    for (std::size_t digit = 0; digit < digits; ++digit) text.push_back(kAlphabet[three >> (18 - 6 * digit) & 63]);
  }
  return text;
}

bool decode_base64(std::string_view text, std::string& bytes) {
  bytes.clear();
  if (!is_base64(text)) return false;
  const std::string_view digits = without_padding(text);
  bytes.reserve(digits.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : digits) {
    bits = bits << 6 | digit_of(c);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> count & 0xff));
  }
  return true;
}

bool is_base64_list(std::string_view text) noexcept {
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ') || part.starts_with('\t')) part.remove_prefix(1);
    while (part.ends_with(' ') || part.ends_with('\t')) part.remove_suffix(1);
    if (!is_base64(part)) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

std::string percent_encode(std::string_view message, std::size_t max_bytes) {
  std::string out;
  // Where the text is cut if it proves too long: the last place that leaves room for the ellipsis.
  std::size_t cut = 0;
  while (!message.empty()) {
    const std::size_t step = std::max<std::size_t>(utf8_sequence(message), 1);
    for (const char c : message.substr(0, step)) {
      const auto byte = static_cast<unsigned char>(c);
      if (stays(byte)) {
        out.push_back(c);
      } else {
        out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
      }
    }
    if (out.size() > max_bytes) {
      out.resize(cut);
      return max_bytes < kEllipsis.size() ? out : out.append(kEllipsis);
    }
    if (out.size() + kEllipsis.size() <= max_bytes) cut = out.size();
    message.remove_prefix(step);
  }
  return out;
}

std::string percent_decode(std::string_view text) {
  std::string message;
  message.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : hex_value(text[i + 2]);
    if (low < 0) {
      message.push_back(text[i]);
    } else {
      message.push_back(static_cast<char>(high << 4 | low));
      i += 2;
    }
  }
  return message;
}

}  // namespace pyserver
