#include "engines/openvino/error_text.h"

namespace pyserver {
namespace {

constexpr std::size_t kMaxBytes = 400;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Whether the line only says where in OpenVINO's own sources something happened.
bool is_location(std::string_view line) {
  return line.starts_with("Exception from ") || line.starts_with("FrontEnd API failed with ") ||
         line.starts_with("Check '");
}

// "[CPU] Reshape node with name 'r' Check 'a == b' failed at x.cpp:77:" → "[CPU] Reshape node with name 'r'".
std::string_view without_check(std::string_view line) {
  const std::size_t check = line.find("Check '");
  if (check == std::string_view::npos || line.find("failed at ", check) == std::string_view::npos) return line;
  return trimmed(line.substr(0, check));
}

// "While validating node 'opset1::MatMul MatMul_7 (…) -> (…)' with friendly_name 'dense':" → "at node 'dense':".
std::string shortened(std::string_view line) {
  constexpr std::string_view kFriendlyName = "with friendly_name ";
  const std::size_t at = line.find(kFriendlyName);
  if (!line.starts_with("While validating node") || at == std::string_view::npos) return std::string(line);
  return "at node " + std::string(line.substr(at + kFriendlyName.size()));
}

void cut(std::string& text) {
  if (text.size() <= kMaxBytes) return;
  std::size_t end = kMaxBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not within a UTF-8 sequence
  text.resize(end);
  text += "…";
}

}  // namespace

std::string condensed(std::string_view what) {
  std::string sentences;
  std::string last_location;
  while (!what.empty()) {
    const std::size_t end = what.find('\n');
    const std::string_view line = trimmed(what.substr(0, end));
    what = end == std::string_view::npos ? std::string_view() : what.substr(end + 1);
    if (line.empty()) continue;
    if (is_location(line)) {
      last_location = line;
      continue;
    }
    if (!sentences.empty()) sentences += ' ';
    sentences += shortened(without_check(line));
  }
  // A failed check without an explanation: its condition is all there is.
  if (sentences.empty()) sentences = last_location.empty() ? "OpenVINO gave no reason" : last_location;
  for (char& c : sentences) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  cut(sentences);
  return sentences;
}

}  // namespace pyserver
