#include "loadgen/answer_check.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string>

#include "base/text.h"

namespace pyserver::loadgen {
namespace {

Status wrong(std::string sentence) { return Status(StatusCode::kDataLoss, std::move(sentence)); }

bool is_floating(Datatype datatype) {
  return datatype == Datatype::kFp16 || datatype == Datatype::kBf16 || datatype == Datatype::kFp32 ||
         datatype == Datatype::kFp64;
}

double from_fp16(std::uint16_t bits) {
  const int exponent = bits >> 10 & 0x1f;
  const int fraction = bits & 0x3ff;
  double value = 0;
  if (exponent == 0x1f) {
    value = fraction == 0 ? HUGE_VAL : std::nan("");
  } else if (exponent == 0) {
    value = std::ldexp(fraction, -24);
  } else {
    value = std::ldexp(fraction + 1024, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

double number_at(Datatype datatype, const std::byte* from) {
  switch (datatype) {
    case Datatype::kFp16: return from_fp16(load<std::uint16_t>(from));
    case Datatype::kBf16: return std::bit_cast<float>(static_cast<std::uint32_t>(load<std::uint16_t>(from)) << 16);
    case Datatype::kFp32: return load<float>(from);
    default: return load<double>(from);
  }
}

std::string to_text(double number) {
  std::array<char, 32> text;
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::general, 9);
  return error == std::errc() ? std::string(text.data(), end) : "a number";
}

// Two NaNs are alike, and so are two infinities.
bool is_near(double got, double expected, const Expectation& tolerance) {
  if (got == expected || (std::isnan(got) && std::isnan(expected))) return true;
  return std::abs(got - expected) <= tolerance.absolute + tolerance.relative * std::abs(expected) &&
         std::isfinite(got) && std::isfinite(expected);
}

Status compare_numbers(const ExpectedTensor& expected, std::span<const std::byte> got, const Expectation& tolerance) {
  const std::size_t size = size_of(expected.datatype);
  std::size_t different = 0;
  std::size_t first = 0;
  for (std::size_t at = 0; at + size <= got.size(); at += size) {
    const double value = number_at(expected.datatype, got.data() + at);
    if (is_near(value, number_at(expected.datatype, expected.contents.data() + at), tolerance)) continue;
    if (different++ == 0) first = at;
  }
  if (different == 0) return {};
  return wrong(concat("output ", quoted(expected.name), ": ", different, " of ", got.size() / size,
                      " elements are wrong, the first at ", first / size, ": ",
                      to_text(number_at(expected.datatype, got.data() + first)), " instead of ",
                      to_text(number_at(expected.datatype, expected.contents.data() + first))));
}

Status compare_bytes(const ExpectedTensor& expected, std::span<const std::byte> got) {
  if (std::memcmp(expected.contents.data(), got.data(), got.size()) == 0) return {};
  const auto [wanted_at, got_at] = std::ranges::mismatch(expected.contents, got);
  return wrong(concat("output ", quoted(expected.name), ": byte ", got_at - got.begin(), " is ",
                      std::to_integer<int>(*got_at), " instead of ", std::to_integer<int>(*wanted_at)));
}

Status compare(const ExpectedTensor& expected, const AnswerTensor& got, const Expectation& tolerance) {
  if (got.datatype != expected.datatype) {
    return wrong(concat("output ", quoted(expected.name), " is ",
                        got.datatype ? name_of(*got.datatype) : std::string_view("of an unknown datatype"),
                        " instead of ", name_of(expected.datatype)));
  }
  std::span<const std::byte> contents = got.contents;
  std::vector<std::byte> repeated;
  const std::size_t element = size_of(expected.datatype);
  if (got.last_repeats && element > 0 && contents.size() >= element && contents.size() < expected.contents.size()) {
    repeated.assign(contents.begin(), contents.end());
    while (repeated.size() < expected.contents.size()) {
      const std::vector<std::byte> last(repeated.end() - static_cast<std::ptrdiff_t>(element), repeated.end());
      repeated.insert(repeated.end(), last.begin(), last.end());
    }
    contents = repeated;
  }
  if (contents.size() != expected.contents.size()) {
    return wrong(concat("output ", quoted(expected.name), " has ", contents.size(), " bytes instead of ",
                        expected.contents.size()));
  }
  const bool exact = tolerance.absolute == 0 && tolerance.relative == 0;
  if (contents.empty()) return {};
  return exact || !is_floating(expected.datatype) ? compare_bytes(expected, contents)
                                                  : compare_numbers(expected, contents, tolerance);
}

}  // namespace

Status AnswerCheck::check(const Expectation& expectation, std::span<const std::byte> message) {
  if (expectation.form == AnswerForm::kMessage) {
    const std::vector<std::byte>& expected = expectation.outputs.front().contents;
    if (std::ranges::equal(expected, message)) return {};
    if (expected.size() != message.size()) {
      return wrong(concat("the answer has ", message.size(), " bytes instead of ", expected.size()));
    }
    return wrong(
        concat("the answer differs from byte ", std::ranges::mismatch(expected, message).in2 - message.begin(), " on"));
  }
  const Status read = tensors_.read(expectation.form, message);
  if (!read.ok()) return wrong(concat("the answer cannot be read: ", read.message()));
  for (const ExpectedTensor& expected : expectation.outputs) {
    const AnswerTensor* got = tensors_.find(expected.name);
    if (got == nullptr) return wrong(concat("output ", quoted(expected.name), " is missing"));
    PYSERVER_RETURN_IF_ERROR(compare(expected, *got, expectation));
  }
  return {};
}

}  // namespace pyserver::loadgen
