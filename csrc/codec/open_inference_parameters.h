// The `parameters` maps of the Open Inference Protocol: those that mean something here. All others are ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "codec/wire_reader.h"
#include "inference/request.h"

namespace pyserver {

// The value of one parameter: an InferParameter.
struct ParameterValue {
  enum class Kind : std::uint8_t { kNone, kBool, kInt64, kString, kDouble, kUint64 };
  Kind kind = Kind::kNone;
  std::uint64_t bits = 0;
  std::string_view text;

  // Neither absent, nor false, zero or "".
  bool says_yes() const noexcept { return kind == Kind::kString ? !text.empty() : bits != 0; }
};

struct Parameter {
  std::string_view key;
  ParameterValue value;
};

// Reads one entry of a map of parameters.
Status read_parameter(WireReader entry, Parameter& parameter);

// A whole number from 0 to `highest`, as an integer or in decimal digits. INVALID_ARGUMENT, naming `key`, otherwise.
Status read_whole_number(std::string_view key, const ParameterValue& value, std::uint64_t highest,
                         std::uint64_t& number);

// The parameters of a whole request. As in any map, the last of several entries with one key counts.
class RequestParameters {
 public:
  Status add(WireReader entry);
  // UNIMPLEMENTED for sequences; INVALID_ARGUMENT for a `priority` or a `timeout` that is no whole number of at least
  // 0.
  Status apply(TimePoint now, Request& request) const;

 private:
  // An entry may have no value: that is not the same as no entry.
  std::optional<ParameterValue> priority_;
  std::optional<ParameterValue> timeout_;
  ParameterValue sequence_id_;
  ParameterValue sequence_start_;
  ParameterValue sequence_end_;
};

}  // namespace pyserver
