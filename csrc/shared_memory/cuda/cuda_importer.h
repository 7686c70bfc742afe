// CudaImporter: clients' CUDA memory, by the driver's IPC handles.
#pragma once

#include <memory>

#include "cuda/driver.h"
#include "shared_memory/device_region.h"

namespace pyserver {

class CudaImporter final : public DeviceMemoryImporter {
 public:
  explicit CudaImporter(std::shared_ptr<const cuda::Driver> driver) : driver_(std::move(driver)) {}

  Result<std::shared_ptr<const Region>> open(std::span<const std::byte, kIpcHandleBytes> ipc_handle, int device,
                                             std::size_t byte_size) override;

 private:
  const std::shared_ptr<const cuda::Driver> driver_;
};

// With the machine's driver; null where no GPU can be used.
std::unique_ptr<DeviceMemoryImporter> make_cuda_importer();

}  // namespace pyserver
