#include "cuda/device.h"
#include "cuda/driver.h"
#include "python/bindings.h"
#include "python/core.h"
#include "python/cuda_device.h"

namespace py = pybind11;

namespace pyserver {
namespace {

// pyserver._core.CudaDriver
struct DriverHolder {
  std::shared_ptr<const cuda::Driver> driver;
};

DriverHolder open_driver() {
  const py::gil_scoped_release release;
  return {value_or_throw(cuda::Driver::open())};
}

std::vector<cuda::DeviceInfo> devices_of(const DriverHolder& holder) {
  std::vector<cuda::DeviceInfo> devices;
  for (int ordinal = 0; ordinal < holder.driver->device_count(); ++ordinal) {
    devices.push_back(value_or_throw(holder.driver->device_info(ordinal)));
  }
  return devices;
}

DeviceHolder open_device(const DriverHolder& driver, int ordinal) {
  const py::gil_scoped_release release;
  return {value_or_throw(cuda::Device::open(driver.driver, ordinal))};
}

void use_device(Core& core, const DeviceHolder& device) {
  const py::gil_scoped_release release;
  throw_unless_ok(core.allocator.use_device(device.device));
  // What lies idle is not page-locked.
  core.pool->drop_idle();
}

}  // namespace

void bind_cuda(py::module_& module) {
  py::class_<cuda::PinnedStats>(module, "PinnedStats")
      .def_readonly("pinned_bytes", &cuda::PinnedStats::pinned_bytes)
      .def_readonly("limit_bytes", &cuda::PinnedStats::limit_bytes)
      .def_readonly("blocks", &cuda::PinnedStats::blocks)
      .def_readonly("refused", &cuda::PinnedStats::refused);

  py::class_<cuda::DeviceInfo>(module, "CudaDeviceInfo")
      .def_readonly("ordinal", &cuda::DeviceInfo::ordinal)
      .def_readonly("name", &cuda::DeviceInfo::name)
      .def_readonly("uuid", &cuda::DeviceInfo::uuid)
      .def_readonly("pci_bus_id", &cuda::DeviceInfo::pci_bus_id)
      .def_readonly("memory_bytes", &cuda::DeviceInfo::memory_bytes)
      .def_property_readonly(
          "compute_capability",
          [](const cuda::DeviceInfo& info) { return py::make_tuple(info.compute_major, info.compute_minor); })
      .def_readonly("numa_node", &cuda::DeviceInfo::numa_node);

  py::class_<DriverHolder>(module, "CudaDriver")
      .def_static("open", &open_driver)
      .def_property_readonly("version", [](const DriverHolder& holder) { return holder.driver->version(); })
      .def_property_readonly("devices", &devices_of);

  py::class_<DeviceHolder>(module, "CudaDevice")
      .def(py::init(&open_device), py::arg("driver"), py::arg("ordinal"))
      .def_property_readonly("info", [](const DeviceHolder& holder) { return holder.device->info(); })
      .def("memory", [](const DeviceHolder& holder) {
        const cuda::MemoryInfo memory = value_or_throw(holder.device->memory());
        return py::make_tuple(memory.free_bytes, memory.total_bytes);
      });

  auto core = py::reinterpret_borrow<py::class_<Core>>(module.attr("Core"));
  core.def("use_device", &use_device, py::arg("device"));
  core.def("pinned_stats", [](const Core& self) { return self.allocator.stats(); });
}

}  // namespace pyserver
