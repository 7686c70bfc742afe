// Device memory and page-locked memory: allocated, asked for and released.
#include <utility>

#include "exported.h"
#include "release.h"
#include "text.h"
#include "work.h"

using namespace fake_cuda;

CUresult CUDAAPI cuMemGetInfo(std::size_t* free, std::size_t* total) {
  Call call("cuMemGetInfo_v2", kNeedsContext);
  if (call.refused()) return call.result();
  *total = call.state().memory_bytes;
  *free = *total - call.state().devices[static_cast<std::size_t>(call.device())].used_bytes;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemAlloc(CUdeviceptr* address, std::size_t bytes) {
  Call call("cuMemAlloc_v2", kNeedsContext | kNotInCapture);
  if (call.refused()) return call.result();
  if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  World& world = call.state();
  DeviceState& device = world.devices[static_cast<std::size_t>(call.device())];
  if (bytes > world.memory_bytes - device.used_bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  const CUdeviceptr base = world.memory.next_address(call.device(), bytes);
  std::shared_ptr<Bytes> memory = base == 0 ? nullptr : Bytes::for_device(bytes);
  if (!memory) return CUDA_ERROR_OUT_OF_MEMORY;
  device.used_bytes += bytes;
  world.memory.add(Where::kDevice, call.device(), base, bytes, std::move(memory), call.label());
  *address = base;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemFree(CUdeviceptr address) {
  Call call("cuMemFree_v2", kNeedsContext | kNotInCapture | kReleases);
  if (call.refused()) return call.result();
  const auto block = block_to_release(call, address, Where::kDevice, "device memory");
  if (!block) return CUDA_ERROR_INVALID_VALUE;
  if (block->device != call.device()) {
    return call.fault(
        text("releases ", block->name(), " of device ", block->device, " with the context of device ", call.device()),
        CUDA_ERROR_INVALID_CONTEXT);
  }
  release_block(call, *block);
  call.state().devices[static_cast<std::size_t>(block->device)].used_bytes -= block->size;
  return call.result();
}

CUresult CUDAAPI cuMemGetAddressRange(CUdeviceptr* base, std::size_t* size, CUdeviceptr address) {
  Call call("cuMemGetAddressRange_v2", kNeedsContext);
  if (call.refused()) return call.result();
  const auto block = call.state().memory.find(address);
  if (!block || !block->living() || block->where == Where::kHost || address - block->base >= block->size) {
    return CUDA_ERROR_NOT_FOUND;
  }
  if (base != nullptr) *base = block->base;
  if (size != nullptr) *size = block->size;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemHostAlloc(void** memory, std::size_t bytes, unsigned int flags) {
  Call call("cuMemHostAlloc", kNeedsContext | kNotInCapture);
  if (call.refused()) return call.result();
  if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if ((flags & CU_MEMHOSTALLOC_PORTABLE) == 0 && call.state().devices.size() > 1) {
    return call.fault("locks pages for one device of several", CUDA_ERROR_NOT_SUPPORTED);
  }
  std::shared_ptr<Bytes> host = Bytes::for_host(bytes);
  if (!host) return CUDA_ERROR_OUT_OF_MEMORY;
  *memory = host->data();
  const auto base = reinterpret_cast<std::uintptr_t>(host->data());
  call.state().memory.add(Where::kHost, call.device(), base, bytes, std::move(host), call.label());
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemFreeHost(void* memory) {
  Call call("cuMemFreeHost", kNeedsContext | kNotInCapture | kReleases);
  if (call.refused()) return call.result();
  const auto block =
      block_to_release(call, reinterpret_cast<std::uintptr_t>(memory), Where::kHost, "page-locked memory");
  if (!block) return CUDA_ERROR_INVALID_VALUE;
  release_block(call, *block);
  return call.result();
}
