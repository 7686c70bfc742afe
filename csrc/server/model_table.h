// ModelTable: which model versions answer requests now, and why others do not. Filled by the model repository, read by
// every request.
//
// Thread-safe. publish() replaces all that is known of one model at once, so a request sees the state before or after a
// reload and nothing between. A request that found a version holds a RuntimeLease on it: a version that has left the
// table is stopped only after its leases are gone, so no request fails because of a reload.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/status.h"
#include "server/model_runtime.h"

namespace pyserver {

// Keeps a runtime answering. Move-only; thread-compatible.
class RuntimeLease {
 public:
  RuntimeLease() = default;
  // Increments the runtime's leases.
  explicit RuntimeLease(std::shared_ptr<ModelRuntime> runtime);
  RuntimeLease(RuntimeLease&&) noexcept = default;
  RuntimeLease& operator=(RuntimeLease&&) = delete;
  ~RuntimeLease();

  ModelRuntime* operator->() const noexcept { return runtime_.get(); }
  const std::shared_ptr<ModelRuntime>& runtime() const noexcept { return runtime_; }

 private:
  std::shared_ptr<ModelRuntime> runtime_;
};

class ModelTable {
 public:
  // A version that serves has a runtime; one that does not has the reason.
  struct Version {
    std::shared_ptr<ModelRuntime> runtime;
    std::string unavailable_reason;
  };
  using Versions = std::map<std::int64_t, Version>;

  // `default_version` answers requests that name no version; 0: none does.
  void publish(const std::string& model, Versions versions, std::int64_t default_version);
  void remove(const std::string& model);

  // From now on every find() is UNAVAILABLE with `reason`.
  void close(std::string reason);

  // NOT_FOUND: no such model or version. UNAVAILABLE: it is known and does not serve.
  Result<RuntimeLease> find(std::string_view model, std::int64_t version) const;
  // Whether the version serves; 0: whether any does.
  bool serves(std::string_view model, std::int64_t version) const;

 private:
  struct Model {
    Versions versions;
    std::int64_t default_version = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Model, std::less<>> models_;  // guarded by mutex_
  std::string closed_reason_;                         // guarded by mutex_
};

}  // namespace pyserver
