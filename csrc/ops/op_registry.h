// The ops that model.yaml may name.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/status.h"
#include "ops/op.h"
#include "ops/op_options.h"

namespace pyserver {

// An op's file defines `OpEntry NAME_op()`.
struct OpEntry {
  // As it is written in model.yaml.
  std::string_view name;
  Result<std::unique_ptr<Op>> (*make)(OpOptions& options);
  // One line for people: what it does and its options.
  std::string_view help;
};

// In alphabetical order.
std::span<const OpEntry> op_entries();

// INVALID_ARGUMENT, naming the op and the option, where there is no such op, or an option is wrong.
Result<std::unique_ptr<Op>> make_op(std::string_view name, OpOptions options);

}  // namespace pyserver
