#include "shared_memory/cuda/cuda_importer.h"

#include <mutex>
#include <utility>

#include "cuda/copy.h"
#include "cuda/device.h"
#include "cuda/ipc.h"
#include "cuda/stream.h"

namespace pyserver {
namespace {

// Copies wait until they are done: outputs that go to a GPU by way of the host are rare, and the answer must not be
// there before them.
class CudaRegion final : public Region {
 public:
  CudaRegion(cuda::ImportedMemory memory, cuda::Stream stream)
      : Region(memory.size()), memory_(std::move(memory)), stream_(std::move(stream)) {}

  Status read(std::size_t offset, std::span<std::byte> to) const override {
    const std::lock_guard lock(mutex_);
    PYSERVER_RETURN_IF_ERROR(cuda::copy_from_device(stream_, to, memory_.address() + offset));
    return stream_.synchronize();
  }
  Status write(std::size_t offset, std::span<const std::byte> from) const override {
    const std::lock_guard lock(mutex_);
    PYSERVER_RETURN_IF_ERROR(cuda::copy_to_device(stream_, memory_.address() + offset, from));
    return stream_.synchronize();
  }
  std::optional<DeviceAddress> device_address() const noexcept override {
    return DeviceAddress{memory_.device().info().ordinal, memory_.address()};
  }

 private:
  const cuda::ImportedMemory memory_;
  mutable std::mutex mutex_;
  mutable cuda::Stream stream_;  // guarded by mutex_
};

}  // namespace

Result<std::shared_ptr<const Region>> CudaImporter::open(std::span<const std::byte, kIpcHandleBytes> ipc_handle,
                                                         int device, std::size_t byte_size) {
  auto opened = cuda::Device::open(driver_, device);
  if (!opened.ok()) return std::move(opened).status();
  auto stream = cuda::Stream::create(**opened);
  if (!stream.ok()) return std::move(stream).status();
  auto memory = cuda::ImportedMemory::open(*std::move(opened), ipc_handle, byte_size);
  if (!memory.ok()) return std::move(memory).status();
  return std::shared_ptr<const Region>(std::make_shared<CudaRegion>(*std::move(memory), *std::move(stream)));
}

std::unique_ptr<DeviceMemoryImporter> make_cuda_importer() {
  auto driver = cuda::Driver::open();
  return driver.ok() ? std::make_unique<CudaImporter>(*std::move(driver)) : nullptr;
}

}  // namespace pyserver
