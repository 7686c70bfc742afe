// Ops as model.yaml has them, on their way from Python.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ops/op.h"
#include "ops/op_options.h"
#include "ops/op_registry.h"
#include "python/bindings.h"

namespace pyserver {

using NamedOps = std::vector<std::pair<std::string, std::map<std::string, OpOptions::Value>>>;

// `folders` is where files that ops name are looked for. Throws StatusException.
inline std::vector<std::unique_ptr<Op>> make_ops(const NamedOps& named, const std::vector<std::string>& folders) {
  std::vector<std::unique_ptr<Op>> ops;
  for (const auto& [name, options] : named) {
    ops.push_back(value_or_throw(make_op(name, OpOptions({options.begin(), options.end()}, folders))));
  }
  return ops;
}

}  // namespace pyserver
