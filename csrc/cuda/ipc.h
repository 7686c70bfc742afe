// Device memory shared between processes: CUDA's IPC handles.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "base/status.h"
#include "cuda/device.h"

namespace pyserver::cuda {

inline constexpr std::size_t kIpcHandleBytes = CU_IPC_HANDLE_SIZE;

// Another process's memory, mapped until destroyed. Who exported it must keep it until then. Work that uses it must be
// known to be done by then. Move-only; thread-compatible.
class ImportedMemory {
 public:
  // INVALID_ARGUMENT where the handle is none of this device, or comes from this very process, or the memory behind it
  // is smaller than `bytes`.
  static Result<ImportedMemory> open(std::shared_ptr<const Device> device,
                                     std::span<const std::byte, kIpcHandleBytes> handle, std::size_t bytes);
  ImportedMemory(ImportedMemory&& other) noexcept;
  ImportedMemory& operator=(ImportedMemory&& other) noexcept;
  ~ImportedMemory();

  CUdeviceptr address() const noexcept { return address_; }
  std::size_t size() const noexcept { return size_; }  // as asked for in open()
  const Device& device() const noexcept { return *device_; }

 private:
  ImportedMemory(std::shared_ptr<const Device> device, CUdeviceptr address, std::size_t size) noexcept
      : device_(std::move(device)), address_(address), size_(size) {}

  std::shared_ptr<const Device> device_;
  CUdeviceptr address_ = 0;
  std::size_t size_ = 0;
};

// The handle of the memory that `address` begins. INVALID_ARGUMENT where it begins none.
Result<std::array<std::byte, kIpcHandleBytes>> export_memory(const Device& device, CUdeviceptr address);

}  // namespace pyserver::cuda
