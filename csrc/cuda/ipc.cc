#include "cuda/ipc.h"

#include <cstring>
#include <utility>

#include "base/text.h"

namespace pyserver::cuda {
namespace {

// What the driver says of a handle that another process made up, or whose memory is gone, or that is our own.
bool is_wrong_handle(CUresult result) {
  return result == CUDA_ERROR_INVALID_VALUE || result == CUDA_ERROR_INVALID_HANDLE ||
         result == CUDA_ERROR_INVALID_CONTEXT || result == CUDA_ERROR_INVALID_DEVICE || result == CUDA_ERROR_MAP_FAILED;
}

}  // namespace

Result<ImportedMemory> ImportedMemory::open(std::shared_ptr<const Device> device,
                                            std::span<const std::byte, kIpcHandleBytes> handle, std::size_t bytes) {
  const Driver& driver = device->driver();
  const ContextScope scope(*device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  CUipcMemHandle raw{};
  std::memcpy(raw.reserved, handle.data(), handle.size());
  CUdeviceptr address = 0;
  const CUresult opened = device->api().IpcOpenMemHandle(&address, raw, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
  const Status status = driver.check(opened, concat("opening a client's memory on GPU ", device->info().ordinal));
  if (is_wrong_handle(opened)) {
    return invalid_argument(concat(status.message(),
                                   ". The handle must be that of living memory of this GPU, and come "
                                   "from another process"));
  }
  PYSERVER_RETURN_IF_ERROR(status);
  const std::shared_ptr<const Device> kept = device;
  ImportedMemory memory(std::move(device), address, bytes);
  CUdeviceptr base = 0;
  std::size_t size = 0;
  PYSERVER_RETURN_IF_ERROR(
      driver.check(kept->api().MemGetAddressRange(&base, &size, address), "reading the size of a client's memory"));
  if (address - base > size || size - (address - base) < bytes) {
    return invalid_argument(concat("the client's memory has ", size - (address - base), " bytes on GPU ",
                                   kept->info().ordinal, ", not the ", bytes, " that it registers"));
  }
  return memory;
}

ImportedMemory::ImportedMemory(ImportedMemory&& other) noexcept
    : device_(std::move(other.device_)),
      address_(std::exchange(other.address_, 0)),
      size_(std::exchange(other.size_, 0)) {}

ImportedMemory& ImportedMemory::operator=(ImportedMemory&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(address_, other.address_);
  std::swap(size_, other.size_);
  return *this;
}

ImportedMemory::~ImportedMemory() {
  if (!device_) return;
  const ContextScope scope(*device_);
  device_->driver().check_release(device_->api().IpcCloseMemHandle(address_), "closing a client's memory");
}

Result<std::array<std::byte, kIpcHandleBytes>> export_memory(const Device& device, CUdeviceptr address) {
  const ContextScope scope(device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  CUipcMemHandle raw{};
  const CUresult result = device.api().IpcGetMemHandle(&raw, address);
  if (result == CUDA_ERROR_INVALID_VALUE) {
    return invalid_argument(device.driver().check(result, "sharing memory of the GPU").message());
  }
  PYSERVER_RETURN_IF_ERROR(device.driver().check(result, "sharing memory of the GPU"));
  std::array<std::byte, kIpcHandleBytes> handle;
  std::memcpy(handle.data(), raw.reserved, handle.size());
  return handle;
}

}  // namespace pyserver::cuda
