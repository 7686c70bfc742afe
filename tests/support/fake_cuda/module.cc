// Modules: shared objects of the host in the place of cubins (see fake_cuda.h).
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "exported.h"
#include "text.h"
#include "work.h"

namespace fake_cuda {

Module::~Module() {
  if (library != nullptr) dlclose(library);
  if (file >= 0) close(file);
}

namespace {

using KernelList = const FakeModuleKernel* (*)(std::size_t*);

// The size of a shared object for this machine, whose section headers are the last thing in it; 0: it is none.
std::size_t size_of_image(const void* image) {
  Elf64_Ehdr header;
  std::memcpy(&header, image, sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_type != ET_DYN) return 0;
  return header.e_shoff + std::size_t{header.e_shnum} * header.e_shentsize;
}

// Null: it cannot be loaded, or exports no kernels.
std::shared_ptr<Module> load(const void* image) {
  const std::size_t size = size_of_image(image);
  const int file = size == 0 ? -1 : memfd_create("fake_cubin", MFD_CLOEXEC);
  if (file < 0) return nullptr;
  const auto module = std::make_shared<Module>();
  module->file = file;
  if (write(file, image, size) == static_cast<ssize_t>(size)) {
    module->library = dlopen(text("/proc/self/fd/", file).c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  if (module->library == nullptr) return nullptr;
  const auto list = reinterpret_cast<KernelList>(dlsym(module->library, "fakeKernels"));
  if (list == nullptr) return nullptr;
  module->kernels = list(&module->kernel_count);
  return module;
}

// The values of a kernel's parameters, as they were at the launch.
struct Arguments {
  explicit Arguments(const FakeModuleKernel& kernel, void* const* given) {
    for (std::size_t i = 0; i < kernel.parameter_count; ++i) {
      const auto* const begin = static_cast<const std::byte*>(given[i]);
      values.emplace_back(begin, begin + kernel.parameter_sizes[i]);
    }
  }
  std::vector<void*> pointers() {
    std::vector<void*> all;
    for (auto& value : values) all.push_back(value.data());
    return all;
  }
  CUdeviceptr address(std::size_t i) const {
    CUdeviceptr address = 0;
    std::memcpy(&address, values[i].data(), sizeof address);
    return address;
  }
  std::vector<std::vector<std::byte>> values;
};

// One range for each parameter that is a pointer; without bytes where it is null.
std::vector<Range> ranges_of(World& world, const FakeModuleKernel& kernel, const FakeLaunchShape& shape,
                             Arguments arguments) {
  std::vector<std::size_t> sizes(kernel.parameter_count);
  std::vector<void*> pointers = arguments.pointers();
  if (kernel.ranges != nullptr) kernel.ranges(&shape, pointers.data(), sizes.data());
  std::vector<Range> ranges;
  for (std::size_t i = 0; i < kernel.parameter_count; ++i) {
    if (kernel.parameter_kinds[i] == 0) continue;
    const CUdeviceptr address = arguments.address(i);
    if (address == 0) sizes[i] = 0;
    if (kernel.ranges == nullptr && address != 0) {
      const auto block = world.memory.find(address);
      // Of what is in no block, one byte is enough for a report.
      const bool inside = block && address - block->base < block->size;
      sizes[i] = inside ? block->size - (address - block->base) : 1;
    }
    ranges.push_back({address, sizes[i], kernel.parameter_kinds[i]});
  }
  return ranges;
}

// Puts the host's pointers in the place of device addresses, and runs the grid.
CUresult run_kernel(const FakeModuleKernel& kernel, const FakeLaunchShape& shape, Arguments arguments,
                    void* const* pointers) {
  std::size_t next = 0;
  for (std::size_t i = 0; i < kernel.parameter_count; ++i) {
    if (kernel.parameter_kinds[i] == 0) continue;
    std::memcpy(arguments.values[i].data(), &pointers[next++], sizeof(void*));
  }
  kernel.run(&shape, arguments.pointers().data());
  return CUDA_SUCCESS;
}

}  // namespace
}  // namespace fake_cuda

using namespace fake_cuda;

CUresult CUDAAPI cuModuleLoadData(CUmodule* handle, const void* image) {
  Call call("cuModuleLoadData", kNeedsContext | kNotInCapture);
  if (call.refused()) return call.result();
  const std::shared_ptr<Module> module = load(image);
  if (!module) return CUDA_ERROR_INVALID_IMAGE;
  module->device = call.device();
  module->created_by = call.label();
  *handle = static_cast<CUmodule>(call.state().modules.add(module));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleUnload(CUmodule handle) {
  Call call("cuModuleUnload", kNeedsContext | kNotInCapture | kReleases);
  if (call.refused()) return call.result();
  if (!call.module(handle)) return call.result();
  call.state().modules.remove(handle);
  return call.result();
}

CUresult CUDAAPI cuModuleGetFunction(CUfunction* handle, CUmodule module_handle, const char* name) {
  Call call("cuModuleGetFunction", kNeedsContext);
  if (call.refused()) return call.result();
  const auto module = call.module(module_handle);
  if (!module) return call.result();
  for (std::size_t i = 0; i < module->kernel_count; ++i) {
    if (std::strcmp(module->kernels[i].name, name) != 0) continue;
    const auto function = std::make_shared<Function>();
    function->module = module;
    function->device = call.device();
    function->kernel = &module->kernels[i];
    *handle = static_cast<CUfunction>(call.state().functions.add(function));
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_NOT_FOUND;
}

CUresult CUDAAPI cuFuncSetAttribute(CUfunction handle, CUfunction_attribute, int) {
  Call call("cuFuncSetAttribute", kNeedsContext);
  if (call.refused()) return call.result();
  return call.function(handle) ? CUDA_SUCCESS : call.result();
}

CUresult CUDAAPI cuLaunchKernel(CUfunction handle, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                                unsigned int block_x, unsigned int block_y, unsigned int block_z,
                                unsigned int shared_bytes, CUstream stream_handle, void** given, void** extra) {
  Call call("cuLaunchKernel", kNeedsContext);
  if (call.refused()) return call.result();
  const auto function = call.function(handle);
  const auto stream = function ? call.stream(stream_handle) : nullptr;
  if (!stream) return call.result();
  const auto module = function->module.lock();
  if (!module) return call.fault("launches a kernel of a module that was unloaded", CUDA_ERROR_INVALID_HANDLE);
  const std::size_t threads = std::size_t{block_x} * block_y * block_z;
  const std::size_t blocks = std::size_t{grid_x} * grid_y * grid_z;
  if (extra != nullptr || threads == 0 || threads > 1024 || blocks == 0) return CUDA_ERROR_INVALID_VALUE;
  const FakeLaunchShape shape{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes};
  const FakeModuleKernel& kernel = *function->kernel;
  const Arguments arguments(kernel, given);
  Work work{.what = label_on(call, *stream),
            .ranges = ranges_of(call.state(), kernel, shape, arguments),
            .run = nullptr,
            .is_kernel = true};
  // The module stays loaded until this has run.
  work.run = [module, &kernel, shape, arguments](void* const* pointers) {
    return run_kernel(kernel, shape, arguments, pointers);
  };
  return enqueue(call, stream, std::move(work));
}
