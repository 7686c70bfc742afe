// Driver: NVIDIA's libcuda.so.1, loaded while the program runs, so that one wheel serves with and without a GPU.
//
// Thread-safe. The library stays loaded until the process ends: it has threads of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/status.h"
#include "cuda/driver_functions.h"

namespace pyserver::cuda {

// The oldest driver that the table's functions are taken from, as cuDriverGetVersion has it.
inline constexpr int kOldestDriver = 12000;

struct DeviceInfo {
  int ordinal = 0;
  std::string name;
  std::string uuid;        // "GPU-…", as nvidia-smi and NVML have it
  std::string pci_bus_id;  // "0000:65:00.0"
  std::size_t memory_bytes = 0;
  int compute_major = 0;
  int compute_minor = 0;
  int numa_node = -1;  // of the host, nearest to the device; -1: unknown
  bool integrated = false;
  int async_copy_engines = 0;
};

// What could not be given back: a destructor has nobody to tell.
struct ReleaseFailures {
  std::uint64_t count = 0;
  std::string latest;  // a sentence as of Driver::check
};

class Driver {
 public:
  // UNAVAILABLE, with what to do about it: the library cannot be loaded, is too old, or finds no GPU.
  static Result<std::shared_ptr<const Driver>> open(const std::string& library = "libcuda.so.1");
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  int version() const noexcept { return version_; }  // the CUDA that it supports, such as 13000 for 13.0
  int device_count() const noexcept { return device_count_; }
  // INVALID_ARGUMENT where there is no such device.
  Result<DeviceInfo> device_info(int ordinal) const;

  const DriverFunctions& api() const noexcept { return api_; }

  // OK, or "`what`: CUDA_ERROR_NAME (number): the driver's text". RESOURCE_EXHAUSTED where memory is missing, else
  // INTERNAL.
  Status check(CUresult result, std::string_view what) const;

  // For destructors: counts a failure and keeps its sentence. At the end of the process the driver may be gone before
  // what it gave; that is none.
  void check_release(CUresult result, std::string_view what) const noexcept;
  ReleaseFailures release_failures() const;

 private:
  Driver() = default;
  Status load(const std::string& library);
  Status start();

  DriverFunctions api_;
  int version_ = 0;
  int device_count_ = 0;
  mutable std::mutex mutex_;
  mutable ReleaseFailures release_failures_;  // guarded by mutex_
};

}  // namespace pyserver::cuda
