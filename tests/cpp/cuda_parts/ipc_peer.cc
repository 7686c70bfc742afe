// The other process of tests/cpp/cuda/ipc_test.cc: shares 4096 bytes of device memory, full of 7, and writes the handle
// in hexadecimal digits; reads a line; exits with 0 if the first byte is then 9.
#include <cstdio>
#include <iostream>
#include <string>

#include "cuda/copy.h"
#include "cuda/device_memory.h"
#include "cuda/ipc.h"

namespace {

using namespace pyserver;

Status share(const std::shared_ptr<const cuda::Device>& device) {
  const auto pool = cuda::DevicePool::create(device, "peer");
  Result<cuda::DeviceBuffer> memory = pool->take(4096);
  if (!memory.ok()) return memory.status();
  Result<cuda::Stream> stream = cuda::Stream::create(*device);
  if (!stream.ok()) return stream.status();
  PYSERVER_RETURN_IF_ERROR(cuda::fill(*stream, memory->address(), std::byte{7}, 4096));
  PYSERVER_RETURN_IF_ERROR(stream->synchronize());
  const auto handle = cuda::export_memory(*device, memory->address());
  if (!handle.ok()) return handle.status();
  for (const std::byte byte : *handle) std::printf("%02x", static_cast<unsigned>(byte));
  std::printf("\n");
  std::fflush(stdout);
  std::string line;
  std::getline(std::cin, line);
  std::byte first{0};
  PYSERVER_RETURN_IF_ERROR(cuda::copy_from_device(*stream, {&first, 1}, memory->address()));
  return first == std::byte{9} ? Status() : internal_error("the first byte is not 9");
}

}  // namespace

int main() {
  auto driver = cuda::Driver::open();
  if (!driver.ok()) return 2;
  auto device = cuda::Device::open(*driver, 0);
  if (!device.ok()) return 3;
  const Status status = share(*device);
  if (!status.ok()) std::cerr << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
