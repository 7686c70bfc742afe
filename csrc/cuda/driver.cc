#include "cuda/driver.h"

#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <new>
#include <utility>

#include "base/text.h"

namespace pyserver::cuda {
namespace {

std::string version_text(int version) { return concat(version / 1000, '.', version % 1000 / 10); }

// As NVML and nvidia-smi write it.
std::string uuid_text(const CUuuid& uuid) {
  std::string text = "GPU-";
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", static_cast<unsigned char>(uuid.bytes[i]));
    text += digits.data();
  }
  return text;
}

}  // namespace

Result<std::shared_ptr<const Driver>> Driver::open(const std::string& library) {
  const std::shared_ptr<Driver> driver(new Driver);
  PYSERVER_RETURN_IF_ERROR(driver->load(library));
  PYSERVER_RETURN_IF_ERROR(driver->start());
  return std::shared_ptr<const Driver>(driver);
}

Status Driver::load(const std::string& library) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return unavailable(concat("no NVIDIA driver: ", library, " cannot be loaded (",
                              reason == nullptr ? "for no reason given" : reason,
                              "). Install the NVIDIA driver; in a container, run it with the NVIDIA runtime"));
  }
#define PYSERVER_CUDA_FIND(name, symbol)                                                                            \
  api_.name = reinterpret_cast<decltype(api_.name)>(dlsym(handle, symbol));                                         \
  if (api_.name == nullptr) {                                                                                       \
    return unavailable(concat("the NVIDIA driver is too old: ", library, " has no function ", symbol,               \
                              ". Install a driver that supports CUDA ", version_text(kOldestDriver), " or newer")); \
  }
  PYSERVER_CUDA_FUNCTIONS(PYSERVER_CUDA_FIND)
#undef PYSERVER_CUDA_FIND
  return {};
}

Status Driver::start() {
  // Asked before cuInit, which fails on an old driver with a GPU that is too new for it, or the other way round.
  PYSERVER_RETURN_IF_ERROR(check(api_.DriverGetVersion(&version_), "reading the driver's version"));
  if (version_ < kOldestDriver) {
    return unavailable(concat("the NVIDIA driver is too old: it supports CUDA ", version_text(version_), ", but ",
                              version_text(kOldestDriver), " is needed. Install a newer driver"));
  }
  const CUresult initialised = api_.Init(0);
  if (initialised == CUDA_ERROR_NO_DEVICE) {
    return unavailable(
        "the NVIDIA driver finds no GPU (CUDA_ERROR_NO_DEVICE): see nvidia-smi and CUDA_VISIBLE_DEVICES");
  }
  if (const Status status = check(initialised, "the NVIDIA driver cannot start"); !status.ok()) {
    return unavailable(status.message());
  }
  PYSERVER_RETURN_IF_ERROR(check(api_.DeviceGetCount(&device_count_), "counting the GPUs"));
  if (device_count_ == 0) {
    return unavailable("the NVIDIA driver finds no GPU: see nvidia-smi and CUDA_VISIBLE_DEVICES");
  }
  return {};
}

Result<DeviceInfo> Driver::device_info(int ordinal) const {
  if (ordinal < 0 || ordinal >= device_count_) {
    return invalid_argument(
        concat("there is no GPU ", ordinal, ": the driver has ", device_count_, ", numbered from 0"));
  }
  CUdevice device = 0;
  std::array<char, 256> name{};
  std::array<char, 32> bus_id{};
  CUuuid uuid{};
  DeviceInfo info;
  info.ordinal = ordinal;
  const std::string what = concat("reading what GPU ", ordinal, " is");
  PYSERVER_RETURN_IF_ERROR(check(api_.DeviceGet(&device, ordinal), what));
  PYSERVER_RETURN_IF_ERROR(check(api_.DeviceGetName(name.data(), static_cast<int>(name.size()), device), what));
  PYSERVER_RETURN_IF_ERROR(check(api_.DeviceGetUuid(&uuid, device), what));
  PYSERVER_RETURN_IF_ERROR(check(api_.DeviceGetPCIBusId(bus_id.data(), static_cast<int>(bus_id.size()), device), what));
  PYSERVER_RETURN_IF_ERROR(check(api_.DeviceTotalMem(&info.memory_bytes, device), what));
  int integrated = 0;
  const std::array<std::pair<CUdevice_attribute, int*>, 4> attributes = {{
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, &info.compute_major},
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, &info.compute_minor},
      {CU_DEVICE_ATTRIBUTE_INTEGRATED, &integrated},
      {CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, &info.async_copy_engines},
  }};
  for (const auto& [attribute, value] : attributes) {
    PYSERVER_RETURN_IF_ERROR(check(api_.DeviceGetAttribute(value, attribute, device), what));
  }
  // Drivers before 12.2 do not know this question.
  if (api_.DeviceGetAttribute(&info.numa_node, CU_DEVICE_ATTRIBUTE_HOST_NUMA_ID, device) != CUDA_SUCCESS) {
    info.numa_node = -1;
  }
  info.name = name.data();
  info.uuid = uuid_text(uuid);
  info.pci_bus_id = bus_id.data();
  info.integrated = integrated != 0;
  return info;
}

Status Driver::check(CUresult result, std::string_view what) const {
  if (result == CUDA_SUCCESS) return {};
  const char* name = nullptr;
  const char* text = nullptr;
  if (api_.GetErrorName(result, &name) != CUDA_SUCCESS || name == nullptr) name = "an unknown error";
  if (api_.GetErrorString(result, &text) != CUDA_SUCCESS || text == nullptr) text = "no description";
  std::string message = concat(what, ": ", name, " (", static_cast<int>(result), "): ", text);
  if (result == CUDA_ERROR_OUT_OF_MEMORY) return resource_exhausted(std::move(message));
  return internal_error(std::move(message));
}

void Driver::check_release(CUresult result, std::string_view what) const noexcept {
  if (result == CUDA_SUCCESS || result == CUDA_ERROR_DEINITIALIZED) return;
  const std::lock_guard lock(mutex_);
  ++release_failures_.count;
  // Without memory for the sentence, the count alone tells of it.
  try {
    release_failures_.latest = check(result, what).message();
  } catch (const std::bad_alloc&) {
  }
}

ReleaseFailures Driver::release_failures() const {
  const std::lock_guard lock(mutex_);
  return release_failures_;
}

}  // namespace pyserver::cuda
