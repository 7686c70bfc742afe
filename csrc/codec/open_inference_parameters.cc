#include "codec/open_inference_parameters.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace pyserver {
namespace {

// An entry of a map
constexpr std::uint32_t kKey = 1, kValue = 2;
// InferParameter
constexpr std::uint32_t kBoolParam = 1, kInt64Param = 2, kStringParam = 3, kDoubleParam = 4, kUint64Param = 5;

using Kind = ParameterValue::Kind;

Status read_value(WireReader message, ParameterValue& value) {
  WireField field;
  while (message.next(field)) {
    switch (field.tag) {
      case varint_tag(kBoolParam): value = {Kind::kBool, field.number != 0, {}}; break;
      case varint_tag(kInt64Param): value = {Kind::kInt64, field.number, {}}; break;
      case varint_tag(kUint64Param): value = {Kind::kUint64, field.number, {}}; break;
      case wire_tag(kDoubleParam, WireType::kFixed64): value = {Kind::kDouble, field.number, {}}; break;
      case bytes_tag(kStringParam):
        value = {Kind::kString, 0, {}};
        message.text(field, value.text);
        break;
      default: break;
    }
  }
  return message.status();
}

std::optional<std::uint64_t> decimal(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Status refuse_sequences(std::string_view key, const ParameterValue& value) {
  if (!value.says_yes()) return {};
  return unimplemented(concat("parameter ", quoted(key),
                              ": sequences are not implemented; send every request with all the inputs that it needs"));
}

}  // namespace

Status read_parameter(WireReader entry, Parameter& parameter) {
  parameter = {};
  WireField field;
  while (entry.next(field)) {
    if (field.tag == bytes_tag(kKey)) {
      entry.text(field, parameter.key);
    } else if (field.tag == bytes_tag(kValue)) {
      PYSERVER_RETURN_IF_ERROR(read_value(WireReader(field, entry), parameter.value));
    }
  }
  return entry.status();
}

Status read_whole_number(std::string_view key, const ParameterValue& value, std::uint64_t highest,
                         std::uint64_t& number) {
  std::string got;
  switch (value.kind) {
    case Kind::kInt64:
      number = value.bits;
      if (static_cast<std::int64_t>(value.bits) < 0) got = concat(static_cast<std::int64_t>(value.bits));
      break;
    case Kind::kUint64: number = value.bits; break;
    case Kind::kString:
      if (const auto parsed = decimal(value.text)) {
        number = *parsed;
      } else {
        got = quoted(value.text);
      }
      break;
    case Kind::kBool: got = "a bool"; break;
    case Kind::kDouble: got = "a double"; break;
    case Kind::kNone: got = "no value"; break;
  }
  if (got.empty() && number > highest) got = concat(number);
  if (got.empty()) return {};
  return invalid_argument(
      concat("parameter ", quoted(key), ": expected a whole number of 0 to ", highest, ", got ", got));
}

Status RequestParameters::add(WireReader entry) {
  Parameter parameter;
  PYSERVER_RETURN_IF_ERROR(read_parameter(entry, parameter));
  const std::string_view key = parameter.key;
  if (key == "priority") {
    priority_ = parameter.value;
  } else if (key == "timeout") {
    timeout_ = parameter.value;
  } else if (key == "sequence_id") {
    sequence_id_ = parameter.value;
  } else if (key == "sequence_start") {
    sequence_start_ = parameter.value;
  } else if (key == "sequence_end") {
    sequence_end_ = parameter.value;
  }
  return {};
}

Status RequestParameters::apply(TimePoint now, Request& request) const {
  PYSERVER_RETURN_IF_ERROR(refuse_sequences("sequence_id", sequence_id_));
  PYSERVER_RETURN_IF_ERROR(refuse_sequences("sequence_start", sequence_start_));
  PYSERVER_RETURN_IF_ERROR(refuse_sequences("sequence_end", sequence_end_));
  std::uint64_t number = 0;
  if (priority_) {
    PYSERVER_RETURN_IF_ERROR(read_whole_number("priority", *priority_, UINT32_MAX, number));
    request.priority = static_cast<std::uint32_t>(number);
  }
  if (timeout_) {
    PYSERVER_RETURN_IF_ERROR(read_whole_number("timeout", *timeout_, UINT64_MAX, number));
    const auto longest = std::chrono::duration_cast<std::chrono::microseconds>(kNever - now).count();
    if (number != 0 && number < static_cast<std::uint64_t>(longest)) {
      request.deadline = std::min(request.deadline, now + std::chrono::microseconds(number));
    }
  }
  return {};
}

}  // namespace pyserver
