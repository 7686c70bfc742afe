// The driver, its devices and their primary contexts.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "call.h"
#include "exported.h"
#include "leaks.h"
#include "text.h"

namespace fake_cuda {
namespace {

constexpr std::uintptr_t kContexts = std::uintptr_t{7} << 32;

// The contexts that this thread has pushed; the last one is current.
thread_local std::vector<CUcontext> context_stack;

std::size_t number_in_environment(const char* name, std::size_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

int device_of(CUcontext context) {
  return static_cast<int>((reinterpret_cast<std::uintptr_t>(context) - kContexts) / 16);
}

bool is_context(CUcontext context) {
  const auto number = reinterpret_cast<std::uintptr_t>(context);
  return number >= kContexts && number % 16 == 0 && (number - kContexts) / 16 < world().devices.size();
}

bool is_device(CUdevice device) { return device >= 0 && static_cast<std::size_t>(device) < world().devices.size(); }

}  // namespace

CUcontext context_of(int device) {
  return reinterpret_cast<CUcontext>(kContexts + static_cast<std::uintptr_t>(device) * 16);
}

int current_device() { return context_stack.empty() ? -1 : device_of(context_stack.back()); }

}  // namespace fake_cuda

using namespace fake_cuda;

CUresult CUDAAPI cuInit(unsigned int) {
  Call call("cuInit", kAnytime);
  if (call.refused()) return call.result();
  World& world = call.state();
  const std::size_t devices = number_in_environment("FAKE_CUDA_DEVICES", 1);
  if (devices == 0) return CUDA_ERROR_NO_DEVICE;
  if (world.initialised) return CUDA_SUCCESS;
  world.memory_bytes = number_in_environment("FAKE_CUDA_MEMORY_MIB", 1024) << 20;
  world.report_leaks = number_in_environment("FAKE_CUDA_LEAKS", 1) != 0;
  world.devices.resize(devices);
  world.memory.reserve(static_cast<int>(devices));
  world.initialised = true;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDriverGetVersion(int* version) {
  Call call("cuDriverGetVersion", kAnytime);
  if (call.refused()) return call.result();
  *version = static_cast<int>(number_in_environment("FAKE_CUDA_VERSION", 13000));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetCount(int* count) {
  Call call("cuDeviceGetCount", kNeedsInit);
  if (call.refused()) return call.result();
  *count = static_cast<int>(call.state().devices.size());
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGet(CUdevice* device, int ordinal) {
  Call call("cuDeviceGet", kNeedsInit);
  if (call.refused()) return call.result();
  if (!is_device(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  *device = ordinal;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetName(char* name, int size, CUdevice device) {
  Call call("cuDeviceGetName", kNeedsInit);
  if (call.refused()) return call.result();
  if (!is_device(device) || size <= 0) return CUDA_ERROR_INVALID_VALUE;
  const std::string value = text("Fake GPU ", device);
  name[value.copy(name, static_cast<std::size_t>(size) - 1)] = '\0';
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  Call call("cuDeviceGetUuid_v2", kNeedsInit);
  if (call.refused()) return call.result();
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  std::memset(uuid->bytes, 0xFA, sizeof uuid->bytes);
  uuid->bytes[15] = static_cast<char>(device);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceTotalMem(std::size_t* bytes, CUdevice device) {
  Call call("cuDeviceTotalMem_v2", kNeedsInit);
  if (call.refused()) return call.result();
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  *bytes = call.state().memory_bytes;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetPCIBusId(char* id, int size, CUdevice device) {
  Call call("cuDeviceGetPCIBusId", kNeedsInit);
  if (call.refused()) return call.result();
  if (!is_device(device) || size <= 0) return CUDA_ERROR_INVALID_VALUE;
  const std::string value = text("0000:0", device + 1, ":00.0");
  id[value.copy(id, static_cast<std::size_t>(size) - 1)] = '\0';
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  Call call("cuDeviceGetAttribute", kNeedsInit);
  if (call.refused()) return call.result();
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = 9; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = 0; break;
    case CU_DEVICE_ATTRIBUTE_INTEGRATED: *value = 0; break;
    case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT: *value = 2; break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = 4; break;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = 1024; break;
    case CU_DEVICE_ATTRIBUTE_HOST_NUMA_ID: *value = 0; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  Call call("cuDevicePrimaryCtxRetain", kNeedsInit);
  if (call.refused()) return call.result();
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  DeviceState& state = call.state().devices[static_cast<std::size_t>(device)];
  if (state.retained++ == 0) state.retained_by = call.label();
  *context = context_of(device);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDevicePrimaryCtxRelease(CUdevice device) {
  Call call("cuDevicePrimaryCtxRelease_v2", kNeedsInit | kReleases);
  if (call.refused()) return call.result();
  if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
  DeviceState& state = call.state().devices[static_cast<std::size_t>(device)];
  if (state.retained == 0) return call.fault("releases a context that nobody holds", CUDA_ERROR_INVALID_CONTEXT);
  if (--state.retained > 0) return call.result();
  // What belongs to a context goes with it; whoever still holds some of it will use what is gone.
  const std::size_t left = living_objects(device).size();
  if (left > 0) {
    call.fault(text("ends the context of device ", device, ", of which ", left, " objects are still alive, such as ",
                    living_objects(device).front()),
               CUDA_SUCCESS);
  }
  state.failed = CUDA_SUCCESS;
  return call.result();
}

CUresult CUDAAPI cuCtxGetCurrent(CUcontext* context) {
  // Never fails by chance: it looks at what the thread has.
  Call call("cuCtxGetCurrent", kNeedsInit | kReleases);
  if (call.refused()) return call.result();
  *context = context_stack.empty() ? nullptr : context_stack.back();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxSetCurrent(CUcontext context) {
  Call call("cuCtxSetCurrent", kNeedsInit);
  if (call.refused()) return call.result();
  if (context != nullptr && !is_context(context)) {
    return call.fault("sets what is no context", CUDA_ERROR_INVALID_CONTEXT);
  }
  if (!context_stack.empty()) context_stack.pop_back();
  if (context != nullptr) context_stack.push_back(context);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxPushCurrent(CUcontext context) {
  Call call("cuCtxPushCurrent_v2", kNeedsInit);
  if (call.refused()) return call.result();
  if (!is_context(context)) return call.fault("pushes what is no context", CUDA_ERROR_INVALID_CONTEXT);
  context_stack.push_back(context);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxPopCurrent(CUcontext* context) {
  Call call("cuCtxPopCurrent_v2", kNeedsInit | kReleases);
  if (call.refused()) return call.result();
  if (context_stack.empty()) return call.fault("pops a context, but none was pushed", CUDA_ERROR_INVALID_CONTEXT);
  if (context != nullptr) *context = context_stack.back();
  context_stack.pop_back();
  return call.result();
}
