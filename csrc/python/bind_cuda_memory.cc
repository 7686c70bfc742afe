#include <optional>

#include "cuda/device.h"
#include "cuda/device_memory.h"
#include "python/bindings.h"
#include "python/cuda_device.h"

namespace py = pybind11;

namespace pyserver {
namespace {

// What CudaDevice.current() gives: a context manager.
class CurrentDevice {
 public:
  explicit CurrentDevice(const DeviceHolder& device) : device_(device.device) {}

  void enter() {
    if (scope_) throw py::value_error("this context manager is entered already");
    scope_.emplace(*device_);
    const Status status = scope_->status();
    if (!status.ok()) scope_.reset();
    throw_unless_ok(status);
  }
  void exit(const py::args&) { scope_.reset(); }

 private:
  std::shared_ptr<const cuda::Device> device_;
  std::optional<cuda::ContextScope> scope_;
};

// pyserver._core.CudaMemory
struct MemoryHolder {
  cuda::DeviceBuffer buffer;
};

std::unique_ptr<MemoryHolder> take_memory(const DeviceHolder& device, std::size_t bytes) {
  if (bytes == 0) throw py::value_error("bytes: expected at least 1, got 0");
  const py::gil_scoped_release release;
  const auto pool = cuda::DevicePool::create(device.device, "scratch memory");
  return std::make_unique<MemoryHolder>(MemoryHolder{value_or_throw(pool->take(bytes))});
}

void zero_memory(const DeviceHolder& holder, CUdeviceptr address, std::size_t bytes, std::uintptr_t stream) {
  const py::gil_scoped_release release;
  const cuda::Device& device = *holder.device;
  const cuda::ContextScope scope(device);
  throw_unless_ok(scope.status());
  const CUresult result = device.api().MemsetD8Async(address, 0, bytes, reinterpret_cast<CUstream>(stream));
  throw_unless_ok(device.driver().check(result, "cuMemsetD8Async"));
}

}  // namespace

void bind_cuda_memory(py::module_& module) {
  py::class_<CurrentDevice>(module, "CurrentCudaDevice")
      .def("__enter__", &CurrentDevice::enter)
      .def("__exit__", &CurrentDevice::exit);

  auto device = py::reinterpret_borrow<py::class_<DeviceHolder>>(module.attr("CudaDevice"));
  device.def("current", [](const DeviceHolder& self) { return std::make_unique<CurrentDevice>(self); });
  device.def("zero", &zero_memory, py::arg("address"), py::arg("bytes"), py::arg("stream"));

  py::class_<MemoryHolder>(module, "CudaMemory")
      .def(py::init(&take_memory), py::arg("device"), py::arg("bytes"))
      .def_property_readonly("address", [](const MemoryHolder& self) { return self.buffer.address(); })
      .def_property_readonly("bytes", [](const MemoryHolder& self) { return self.buffer.size(); });
}

}  // namespace pyserver
