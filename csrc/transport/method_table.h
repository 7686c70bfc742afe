// MethodTable: who answers which path. Filled before serving begins, only read after: then thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "server/infer_service.h"
#include "transport/state_calls.h"

namespace pyserver {

struct Method {
  enum class Kind { kInfer, kState, kHanded };
  Kind kind = Kind::kHanded;
  Protocol protocol = Protocol::kPredict;               // of kInfer
  StateQuestion question = StateQuestion::kServerLive;  // of kState
};

class MethodTable {
 public:
  // The first who adds a path has it: methods that the core answers are added first.
  void add(std::string path, Method method) { methods_.try_emplace(std::move(path), method); }
  // nullptr where nobody has it.
  const Method* find(std::string_view path) const {
    const auto found = methods_.find(path);
    return found == methods_.end() ? nullptr : &found->second;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, Method, Hash, std::equal_to<>> methods_;
};

}  // namespace pyserver
