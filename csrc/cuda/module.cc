#include "cuda/module.h"

#include <utility>

#include "base/text.h"

namespace pyserver::cuda {
namespace {

// The driver finds the end of a cubin by the ELF header at its beginning, and trusts it.
constexpr std::size_t kElfHeaderBytes = 64;
// What a kernel may have without asking for more.
constexpr unsigned kUsualSharedBytes = 48 * 1024;

}  // namespace

Result<Module> Module::load(const Device& device, std::span<const std::byte> cubin) {
  if (cubin.size() < kElfHeaderBytes) {
    return invalid_argument(concat("a cubin of ", cubin.size(), " bytes is none: it has not even a header"));
  }
  const ContextScope scope(device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  CUmodule module = nullptr;
  const CUresult result = device.api().ModuleLoadData(&module, cubin.data());
  if (result == CUDA_ERROR_INVALID_IMAGE || result == CUDA_ERROR_NO_BINARY_FOR_GPU ||
      result == CUDA_ERROR_INVALID_SOURCE || result == CUDA_ERROR_INVALID_PTX) {
    return invalid_argument(device.driver().check(result, "loading compiled kernels").message());
  }
  PYSERVER_RETURN_IF_ERROR(device.driver().check(result, "loading compiled kernels"));
  return Module(std::make_shared<Handle>(module, Handle::deleter_type(device, "unloading compiled kernels")));
}

Result<Function> Module::function(const std::string& name) const {
  const Device& device = *handle_->get_deleter().device();
  const ContextScope scope(device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  CUfunction function = nullptr;
  const CUresult result = device.api().ModuleGetFunction(&function, handle_->get(), name.c_str());
  if (result == CUDA_ERROR_NOT_FOUND) return not_found(concat("the compiled kernels have no ", quoted(name)));
  PYSERVER_RETURN_IF_ERROR(device.driver().check(result, concat("finding the kernel ", quoted(name))));
  return Function(handle_, function, name);
}

Status launch(Stream& stream, const Function& function, Dim3 grid, Dim3 block, unsigned shared_bytes,
              std::span<void* const> arguments) {
  const Device& device = stream.device();
  const ContextScope scope(device);
  PYSERVER_RETURN_IF_ERROR(scope.status());
  const auto check = [&](CUresult result) {
    return result == CUDA_SUCCESS
               ? Status()
               : device.driver().check(result, concat("launching the kernel ", quoted(function.name())));
  };
  if (shared_bytes > kUsualSharedBytes) {
    PYSERVER_RETURN_IF_ERROR(check(device.api().FuncSetAttribute(
        function.get(), CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, static_cast<int>(shared_bytes))));
  }
  // The driver's signature forgets that it only reads.
  return check(device.api().LaunchKernel(function.get(), grid.x, grid.y, grid.z, block.x, block.y, block.z,
                                         shared_bytes, stream.get(), const_cast<void**>(arguments.data()), nullptr));
}

}  // namespace pyserver::cuda
