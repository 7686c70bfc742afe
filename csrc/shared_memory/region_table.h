// RegionTable: the regions that clients have registered, by name. System and CUDA regions share their names.
//
// Thread-safe. A region that is unregistered while requests use it lives until the last of them is over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "shared_memory/device_region.h"
#include "shared_memory/region.h"

namespace pyserver {

struct SystemRegionStatus {
  std::string name;
  std::string key;
  std::uint64_t offset = 0;
  std::uint64_t byte_size = 0;
};

struct CudaRegionStatus {
  std::string name;
  std::int64_t device = 0;
  std::uint64_t byte_size = 0;
};

class RegionTable {
 public:
  // Each system region holds a descriptor: connections need some, too.
  static constexpr std::size_t kMaxRegions = 1024;
  static constexpr std::size_t kMaxNameBytes = 255;

  // `importer`: null where there is no GPU; otherwise it must outlive the table and its regions.
  explicit RegionTable(DeviceMemoryImporter* importer = nullptr) : importer_(importer) {}

  bool has_gpus() const noexcept { return importer_ != nullptr; }

  // As SystemRegion::open(); ALREADY_EXISTS where the name is taken, RESOURCE_EXHAUSTED where there are kMaxRegions.
  Status register_system(const std::string& name, const std::string& key, std::uint64_t offset,
                         std::uint64_t byte_size);
  // UNAVAILABLE where there is no GPU.
  Status register_cuda(const std::string& name, std::span<const std::byte> ipc_handle, std::int64_t device,
                       std::uint64_t byte_size);

  // "": all of the kind. A name that is not there is no error: after the call it is not there. INVALID_ARGUMENT where
  // the name is a region of the other kind.
  Status unregister_system(std::string_view name);
  Status unregister_cuda(std::string_view name);

  // "": all of the kind, in the order of their names. NOT_FOUND where there is none of that name.
  Result<std::vector<SystemRegionStatus>> system_regions(std::string_view name) const;
  Result<std::vector<CudaRegionStatus>> cuda_regions(std::string_view name) const;

  // The place of a tensor. INVALID_ARGUMENT where there is no such region, or where it ends before the place does.
  // The place's region_name is `name`: a view.
  Result<SharedPlace> find(std::string_view name, std::uint64_t offset, std::uint64_t byte_size) const;

 private:
  struct Entry {
    std::shared_ptr<const Region> region;
    std::variant<SystemRegionStatus, CudaRegionStatus> status;
  };

  // Before a region is opened: whether it could be added.
  Status check_new(std::string_view name) const;
  Status check_free(std::string_view name) const;  // mutex_ is held
  // Checks again: another call may have been faster.
  Status add(const std::string& name, Entry entry);
  template <typename Kind>
  Status remove(std::string_view name);
  template <typename Kind>
  Result<std::vector<Kind>> statuses(std::string_view name) const;

  DeviceMemoryImporter* const importer_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;  // guarded by mutex_
};

}  // namespace pyserver
