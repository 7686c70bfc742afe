#include "loadgen/http1_reader.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/text.h"

namespace pyserver::loadgen {
namespace {

bool equal_without_case(std::string_view one, std::string_view lower) {
  return std::ranges::equal(one, lower,
                            [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

void Http1Reader::clear() {
  state_ = State::kStatusLine;
  length_ = Length::kUntilEnd;
  line_.clear();
  left_ = 0;
  code_ = 0;
  keeps_alive_ = true;
  complete_ = false;
  problem_ = Status();
}

bool Http1Reader::end() noexcept {
  if (state_ == State::kBody && length_ == Length::kUntilEnd) complete_ = true;
  return complete_;
}

std::size_t Http1Reader::take_line(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t end = text.find('\n');
  const std::size_t used = end == std::string_view::npos ? text.size() : end + 1;
  line_.append(text.substr(0, used));
  if (line_.size() > kLongestLine) {
    fail("a line that is too long");
  } else if (end != std::string_view::npos) {
    std::string_view line(line_);
    line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    line_complete(line);
    line_.clear();
  }
  return used;
}

void Http1Reader::line_complete(std::string_view line) {
  switch (state_) {
    case State::kStatusLine: status_line(line); break;
    case State::kFields: line.empty() ? head_complete() : field_line(line); break;
    case State::kChunkSize: chunk_size(line); break;
    case State::kChunkEnd:
      if (!line.empty()) fail("a chunk that is longer than it says");
      state_ = State::kChunkSize;
      break;
    case State::kTrailers: complete_ = line.empty(); break;
    case State::kBody: break;
  }
}

void Http1Reader::status_line(std::string_view line) {
  constexpr std::size_t kStatusAt = 9;  // "HTTP/1.1 200 OK"
  if (!line.starts_with("HTTP/1.") || line.size() < kStatusAt + 3) return fail("an answer that is no HTTP/1.1");
  const char* const digits = line.data() + kStatusAt;
  if (std::from_chars(digits, digits + 3, code_).ptr != digits + 3) return fail("an answer without a status");
  keeps_alive_ = line[7] != '0';
  state_ = State::kFields;
}

void Http1Reader::field_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return fail("a header field without a colon");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (equal_without_case(name, "content-length") && length_ != Length::kChunked) {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), left_);
    if (error != std::errc() || end != value.data() + value.size()) return fail("a length that is no number");
    length_ = Length::kKnown;
  } else if (equal_without_case(name, "transfer-encoding")) {
    if (!equal_without_case(value, "chunked")) return fail("a transfer encoding that nobody asked for");
    length_ = Length::kChunked;
    left_ = 0;
  } else if (equal_without_case(name, "connection")) {
    if (equal_without_case(value, "close")) keeps_alive_ = false;
    if (equal_without_case(value, "keep-alive")) keeps_alive_ = true;
  }
}

void Http1Reader::head_complete() {
  if (code_ >= 100 && code_ < 200) return clear();  // the answer itself is still to come
  if (code_ == 204 || code_ == 304) length_ = Length::kNone;
  if (length_ == Length::kNone || (length_ == Length::kKnown && left_ == 0)) {
    complete_ = true;
  } else {
    state_ = length_ == Length::kChunked ? State::kChunkSize : State::kBody;
  }
}

void Http1Reader::chunk_size(std::string_view line) {
  const std::string_view number = trimmed(line.substr(0, line.find(';')));
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), left_, 16);
  if (error != std::errc() || end != number.data() + number.size()) return fail("a chunk without a size");
  state_ = left_ == 0 ? State::kTrailers : State::kBody;
}

std::size_t Http1Reader::body_in(std::size_t available) const noexcept {
  if (length_ == Length::kUntilEnd) return available;
  return static_cast<std::size_t>(std::min<std::uint64_t>(available, left_));
}

void Http1Reader::body_taken(std::size_t size) noexcept {
  if (length_ == Length::kUntilEnd) return;
  left_ -= size;
  if (left_ > 0) return;
  if (length_ == Length::kChunked) {
    state_ = State::kChunkEnd;
  } else {
    complete_ = true;
  }
}

void Http1Reader::fail(std::string_view problem) {
  problem_ = unavailable(concat("the server broke HTTP/1.1's rules: ", problem));
}

}  // namespace pyserver::loadgen
