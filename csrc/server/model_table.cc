#include "server/model_table.h"

#include <algorithm>

#include "base/text.h"

namespace pyserver {
namespace {

std::string list_of(const ModelTable::Versions& versions) {
  std::string text;
  for (const auto& [number, version] : versions) {
    text += concat(text.empty() ? "" : ", ", number);
  }
  return text;
}

}  // namespace

RuntimeLease::RuntimeLease(std::shared_ptr<ModelRuntime> runtime) : runtime_(std::move(runtime)) {
  std::lock_guard lock(runtime_->leases_mutex_);
  ++runtime_->leases_;
}

RuntimeLease::~RuntimeLease() {
  if (runtime_ == nullptr) return;
  std::lock_guard lock(runtime_->leases_mutex_);
  // Notified under the lock: once stop() sees zero, the runtime may be destroyed.
  if (--runtime_->leases_ == 0) runtime_->no_leases_.notify_all();
}

void ModelTable::publish(const std::string& model, Versions versions, std::int64_t default_version) {
  Model entry{std::move(versions), default_version};
  {
    std::lock_guard lock(mutex_);
    std::swap(models_[model], entry);
  }
  // `entry`, now the old state, may hold the last reference to a runtime: it goes outside the lock.
}

void ModelTable::remove(const std::string& model) {
  Model entry;
  std::lock_guard lock(mutex_);
  if (const auto found = models_.find(model); found != models_.end()) {
    entry = std::move(found->second);
    models_.erase(found);
  }
}

void ModelTable::close(std::string reason) {
  std::lock_guard lock(mutex_);
  closed_reason_ = std::move(reason);
}

Result<RuntimeLease> ModelTable::find(std::string_view model, std::int64_t version) const {
  std::lock_guard lock(mutex_);
  if (!closed_reason_.empty()) return unavailable(closed_reason_);
  const auto found = models_.find(model);
  if (found == models_.end()) return not_found(concat("model ", quoted(model), " is not found"));
  const Model& entry = found->second;
  if (entry.versions.empty()) return unavailable(concat("model ", quoted(model), " is not loaded"));

  if (version == 0 && entry.default_version == 0) {
    const auto& [number, newest] = *entry.versions.rbegin();
    return unavailable(concat("model ", quoted(model), " has no version that serves; version ", number, ": ",
                              newest.unavailable_reason));
  }
  const std::int64_t number = version == 0 ? entry.default_version : version;
  const auto wanted = entry.versions.find(number);
  if (wanted == entry.versions.end()) {
    return not_found(concat("model ", quoted(model), " has no version ", number, "; it has ", list_of(entry.versions)));
  }
  if (wanted->second.runtime == nullptr) {
    return unavailable(
        concat("model ", quoted(model), " version ", number, " does not serve: ", wanted->second.unavailable_reason));
  }
  return RuntimeLease(wanted->second.runtime);
}

bool ModelTable::serves(std::string_view model, std::int64_t version) const {
  std::lock_guard lock(mutex_);
  const auto found = models_.find(model);
  if (!closed_reason_.empty() || found == models_.end()) return false;
  return std::ranges::any_of(found->second.versions, [version](const auto& entry) {
    return entry.second.runtime != nullptr && (version == 0 || version == entry.first);
  });
}

}  // namespace pyserver
