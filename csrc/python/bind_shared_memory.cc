#include "python/bindings.h"
#include "shared_memory/region_table.h"

namespace py = pybind11;

namespace pyserver {
namespace {

void register_cuda(RegionTable& regions, const std::string& name, const py::bytes& raw_handle, std::int64_t device_id,
                   std::uint64_t byte_size) {
  const std::string handle = raw_handle;
  py::gil_scoped_release release;
  throw_unless_ok(regions.register_cuda(name, std::as_bytes(std::span(handle)), device_id, byte_size));
}

}  // namespace

void bind_shared_memory(py::module_& module) {
  py::class_<SystemRegionStatus>(module, "SystemRegionStatus")
      .def_readonly("name", &SystemRegionStatus::name)
      .def_readonly("key", &SystemRegionStatus::key)
      .def_readonly("offset", &SystemRegionStatus::offset)
      .def_readonly("byte_size", &SystemRegionStatus::byte_size);

  py::class_<CudaRegionStatus>(module, "CudaRegionStatus")
      .def_readonly("name", &CudaRegionStatus::name)
      .def_readonly("device_id", &CudaRegionStatus::device)
      .def_readonly("byte_size", &CudaRegionStatus::byte_size);

  using Unlocked = py::call_guard<py::gil_scoped_release>;
  py::class_<RegionTable>(module, "RegionTable")
      .def_property_readonly("has_gpus", &RegionTable::has_gpus)
      .def(
          "register_system",
          [](RegionTable& self, const std::string& name, const std::string& key, std::uint64_t offset,
             std::uint64_t byte_size) { throw_unless_ok(self.register_system(name, key, offset, byte_size)); },
          py::arg("name"), py::arg("key"), py::arg("offset"), py::arg("byte_size"), Unlocked())
      .def("register_cuda", &register_cuda, py::arg("name"), py::arg("raw_handle"), py::arg("device_id"),
           py::arg("byte_size"))
      .def(
          "unregister_system",
          [](RegionTable& self, const std::string& name) { throw_unless_ok(self.unregister_system(name)); },
          py::arg("name"), Unlocked())
      .def(
          "unregister_cuda",
          [](RegionTable& self, const std::string& name) { throw_unless_ok(self.unregister_cuda(name)); },
          py::arg("name"), Unlocked())
      .def(
          "system_regions",
          [](const RegionTable& self, const std::string& name) { return value_or_throw(self.system_regions(name)); },
          py::arg("name"))
      .def(
          "cuda_regions",
          [](const RegionTable& self, const std::string& name) { return value_or_throw(self.cuda_regions(name)); },
          py::arg("name"));
}

}  // namespace pyserver
