#include "cuda/device_memory.h"

#include "base/text.h"

namespace pyserver::cuda {

DeviceBuffer::~DeviceBuffer() {
  if (pool_) pool_->give_back(address_, size_);
}

std::shared_ptr<DevicePool> DevicePool::create(std::shared_ptr<const Device> device, std::string name) {
  return std::shared_ptr<DevicePool>(new DevicePool(std::move(device), std::move(name)));
}

Result<DeviceBuffer> DevicePool::take(std::size_t bytes) {
  if (bytes == 0) return invalid_argument(concat("the model ", quoted(name_), " asked for no bytes of GPU memory"));
  const ContextScope scope(*device_);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  CUdeviceptr address = 0;
  const CUresult result = device_->api().MemAlloc(&address, bytes);
  if (const Status status = device_->driver().check(result, "allocating"); !status.ok()) {
    return explain(status, bytes);
  }
  DeviceBuffer buffer(shared_from_this(), address, bytes);
  used_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (address % kAlignment != 0) {
    return internal_error(concat("the driver gave memory at ", address, ", which is no multiple of ", kAlignment));
  }
  return buffer;
}

Status DevicePool::explain(const Status& failure, std::size_t bytes) const {
  const Result<MemoryInfo> memory = device_->memory();
  std::string text =
      concat("the model ", quoted(name_), " needs another ", bytes, " bytes of GPU ", device_->info().ordinal, " (",
             device_->info().name, "), beside ", used_bytes(), " of its own");
  if (memory.ok()) text += concat("; ", memory->free_bytes, " of ", memory->total_bytes, " are free");
  return {failure.code(), concat(text, ". ", failure.message())};
}

void DevicePool::give_back(CUdeviceptr address, std::size_t bytes) noexcept {
  const ContextScope scope(*device_);
  device_->driver().check_release(device_->api().MemFree(address), "releasing memory of the GPU");
  used_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

}  // namespace pyserver::cuda
