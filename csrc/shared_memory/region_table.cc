#include "shared_memory/region_table.h"

#include <limits>
#include <utility>

#include "base/text.h"
#include "shared_memory/system_region.h"

namespace pyserver {
namespace {

std::string_view kind_name(const SystemRegionStatus*) { return "system"; }
std::string_view kind_name(const CudaRegionStatus*) { return "CUDA"; }

template <typename Kind>
std::string_view kind_name() {
  return kind_name(static_cast<const Kind*>(nullptr));
}

}  // namespace

Status RegionTable::check_free(std::string_view name) const {
  if (entries_.contains(name)) {
    return {StatusCode::kAlreadyExists,
            concat("shared memory region ", quoted(name), " is registered already: unregister it first")};
  }
  if (entries_.size() >= kMaxRegions) {
    return resource_exhausted(concat("expected at most ", kMaxRegions, " shared memory regions, got one more"));
  }
  return {};
}

Status RegionTable::check_new(std::string_view name) const {
  if (name.empty() || name.size() > kMaxNameBytes) {
    return invalid_argument(
        concat("expected a name of 1 to ", kMaxNameBytes, " bytes for a region, got ", name.size(), " bytes"));
  }
  const std::lock_guard lock(mutex_);
  return check_free(name);
}

Status RegionTable::add(const std::string& name, Entry entry) {
  const std::lock_guard lock(mutex_);
  PYSERVER_RETURN_IF_ERROR(check_free(name));
  entries_.emplace(name, std::move(entry));
  return {};
}

Status RegionTable::register_system(const std::string& name, const std::string& key, std::uint64_t offset,
                                    std::uint64_t byte_size) {
  PYSERVER_RETURN_IF_ERROR(check_new(name));
  Result<std::shared_ptr<const Region>> region = SystemRegion::open(key, offset, byte_size);
  if (!region.ok()) {
    return {region.status().code(), concat("shared memory region ", quoted(name), ": ", region.status().message())};
  }
  return add(name, {*std::move(region), SystemRegionStatus{name, key, offset, byte_size}});
}

Status RegionTable::register_cuda(const std::string& name, std::span<const std::byte> ipc_handle, std::int64_t device,
                                  std::uint64_t byte_size) {
  PYSERVER_RETURN_IF_ERROR(check_new(name));
  if (importer_ == nullptr) {
    return unavailable(concat("shared memory region ", quoted(name),
                              ": CUDA shared memory needs an NVIDIA GPU, and libcuda.so.1 cannot be used here; ",
                              "register system shared memory instead"));
  }
  if (ipc_handle.size() != kIpcHandleBytes) {
    return invalid_argument(concat("shared memory region ", quoted(name), ": expected an IPC handle of ",
                                   kIpcHandleBytes, " bytes, got ", ipc_handle.size()));
  }
  if (device < 0 || device > std::numeric_limits<int>::max()) {
    return invalid_argument(
        concat("shared memory region ", quoted(name), ": expected the number of a GPU, got ", device));
  }
  if (byte_size == 0) {
    return invalid_argument(concat("shared memory region ", quoted(name), ": expected at least 1 byte, got 0"));
  }
  auto region = importer_->open(ipc_handle.first<kIpcHandleBytes>(), static_cast<int>(device), byte_size);
  if (!region.ok()) {
    return {region.status().code(), concat("shared memory region ", quoted(name), ": ", region.status().message())};
  }
  return add(name, {*std::move(region), CudaRegionStatus{name, device, byte_size}});
}

template <typename Kind>
Status RegionTable::remove(std::string_view name) {
  std::vector<Entry> gone;  // closed without the lock
  const std::lock_guard lock(mutex_);
  for (auto at = entries_.begin(); at != entries_.end();) {
    const bool of_this_kind = std::holds_alternative<Kind>(at->second.status);
    if (!name.empty() && at->first == name && !of_this_kind) {
      return invalid_argument(concat("shared memory region ", quoted(name), " is no ", kind_name<Kind>(),
                                     " shared memory: unregister it by the call for its kind"));
    }
    if (of_this_kind && (name.empty() || at->first == name)) {
      gone.push_back(std::move(at->second));
      at = entries_.erase(at);
    } else {
      ++at;
    }
  }
  return {};
}

Status RegionTable::unregister_system(std::string_view name) { return remove<SystemRegionStatus>(name); }
Status RegionTable::unregister_cuda(std::string_view name) { return remove<CudaRegionStatus>(name); }

template <typename Kind>
Result<std::vector<Kind>> RegionTable::statuses(std::string_view name) const {
  std::vector<Kind> told;
  const std::lock_guard lock(mutex_);
  for (const auto& [registered, entry] : entries_) {
    const Kind* status = std::get_if<Kind>(&entry.status);
    if (status != nullptr && (name.empty() || registered == name)) told.push_back(*status);
  }
  if (!name.empty() && told.empty()) {
    return not_found(concat("there is no ", kind_name<Kind>(), " shared memory region ", quoted(name)));
  }
  return told;
}

Result<std::vector<SystemRegionStatus>> RegionTable::system_regions(std::string_view name) const {
  return statuses<SystemRegionStatus>(name);
}
Result<std::vector<CudaRegionStatus>> RegionTable::cuda_regions(std::string_view name) const {
  return statuses<CudaRegionStatus>(name);
}

Result<SharedPlace> RegionTable::find(std::string_view name, std::uint64_t offset, std::uint64_t byte_size) const {
  SharedPlace place{nullptr, name, offset, byte_size};
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(name); found != entries_.end()) place.region = found->second.region;
  }
  if (place.region == nullptr) {
    return invalid_argument(concat("shared memory region ", quoted(name), " is not registered"));
  }
  const std::size_t size = place.region->size();
  if (offset > size || byte_size > size - offset) {
    return invalid_argument(concat("expected a place within the ", size, " bytes of shared memory region ",
                                   quoted(name), ", got ", byte_size, " bytes at offset ", offset));
  }
  return place;
}

}  // namespace pyserver
