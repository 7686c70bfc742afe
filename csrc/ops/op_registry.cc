#include "ops/op_registry.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/text.h"

// Every op, one line each, in alphabetical order.
// clang-format off
#define PYSERVER_OPS(OP) \
  OP(argmax)       \
  OP(cast)         \
  OP(dequantize)   \
  OP(l2_normalize) \
  OP(layout)       \
  OP(nms)          \
  OP(normalize)    \
  OP(round)        \
  OP(sigmoid)      \
  OP(softmax)      \
  OP(threshold)    \
  OP(to_tensor)    \
  OP(top_k)
// clang-format on

namespace pyserver {

#define PYSERVER_DECLARE_OP(name) OpEntry name##_op();
PYSERVER_OPS(PYSERVER_DECLARE_OP)
#undef PYSERVER_DECLARE_OP

namespace {

std::string names() {
  std::string all;
  for (const OpEntry& entry : op_entries()) all += concat(all.empty() ? "" : ", ", entry.name);
  return all;
}

}  // namespace

std::span<const OpEntry> op_entries() {
#define PYSERVER_CALL_OP(name) name##_op(),
  static const auto entries = std::to_array<OpEntry>({PYSERVER_OPS(PYSERVER_CALL_OP)});
#undef PYSERVER_CALL_OP
  return entries;
}

Result<std::unique_ptr<Op>> make_op(std::string_view name, OpOptions options) {
  const auto entries = op_entries();
  const auto entry = std::ranges::find(entries, name, &OpEntry::name);
  if (entry == entries.end()) {
    return invalid_argument(concat("there is no op ", quoted(name), ": expected one of ", names()));
  }
  auto op = entry->make(options);
  // An option that is wrong is told before what it leads to.
  Status status = options.status();
  if (status.ok() && !op.ok()) status = op.status();
  if (!status.ok()) return invalid_argument(concat(name, ": ", status.message()));
  return op;
}

}  // namespace pyserver
