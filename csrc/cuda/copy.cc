#include "cuda/copy.h"

namespace pyserver::cuda {

Status copy_to_device(Stream& stream, CUdeviceptr to, std::span<const std::byte> from) {
  if (from.empty()) return {};
  const Device& device = stream.device();
  const ContextScope scope(device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  return device.driver().check(device.api().MemcpyHtoDAsync(to, from.data(), from.size(), stream.get()),
                               "copying to the GPU");
}

Status copy_from_device(Stream& stream, std::span<std::byte> to, CUdeviceptr from) {
  if (to.empty()) return {};
  const Device& device = stream.device();
  const ContextScope scope(device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  return device.driver().check(device.api().MemcpyDtoHAsync(to.data(), from, to.size(), stream.get()),
                               "copying from the GPU");
}

Status copy_on_device(Stream& stream, CUdeviceptr to, CUdeviceptr from, std::size_t bytes) {
  if (bytes == 0) return {};
  const Device& device = stream.device();
  const ContextScope scope(device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  return device.driver().check(device.api().MemcpyDtoDAsync(to, from, bytes, stream.get()), "copying on the GPU");
}

Status fill(Stream& stream, CUdeviceptr to, std::byte value, std::size_t bytes) {
  if (bytes == 0) return {};
  const Device& device = stream.device();
  const ContextScope scope(device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  return device.driver().check(device.api().MemsetD8Async(to, static_cast<unsigned char>(value), bytes, stream.get()),
                               "filling memory of the GPU");
}

}  // namespace pyserver::cuda
