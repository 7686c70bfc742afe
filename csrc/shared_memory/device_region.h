// What the table of regions needs to know of GPUs: somebody who can open a client's CUDA memory in this process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/status.h"
#include "shared_memory/region.h"

namespace pyserver {

// The bytes of a cudaIpcMemHandle_t.
inline constexpr std::size_t kIpcHandleBytes = 64;

// Thread-safe.
class DeviceMemoryImporter {
 public:
  virtual ~DeviceMemoryImporter() = default;
  // The memory behind `ipc_handle`, of at least `byte_size` bytes on that device: a region with a device_address(),
  // whose memory stays mapped as long as the region is held. INVALID_ARGUMENT where there is no such device, or no such
  // memory; UNAVAILABLE where no GPU can be used.
  virtual Result<std::shared_ptr<const Region>> open(std::span<const std::byte, kIpcHandleBytes> ipc_handle, int device,
                                                     std::size_t byte_size) = 0;
};

}  // namespace pyserver
