// Compiled kernels: loaded, found, launched, captured. What is loaded is tests/cpp/cuda_parts/kernels.cc.
#include <fstream>
#include <iterator>

#include "cuda/module.h"
#include "cuda_fixtures.h"

namespace pyserver::cuda {
namespace {

class ModuleTest : public CudaTest {
 protected:
  static std::vector<char> cubin() {
    std::ifstream file(FAKE_CUBIN, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  Result<Module> load() {
    const std::vector<char> image = cubin();
    return Module::load(*device_, std::as_bytes(std::span(image)));
  }
  static Status scale(Stream& stream, const Function& function, CUdeviceptr in, CUdeviceptr out, float factor,
                      int count) {
    const std::array<void*, 4> arguments = {&in, &out, &factor, &count};
    return launch(stream, function, {.x = 1}, {.x = 32}, 0, arguments);
  }
  void put(Stream& stream, CUdeviceptr to, float value) {
    std::vector<float> values(8, value);
    EXPECT_TRUE(copy_to_device(stream, to, std::as_bytes(std::span(values))).ok());
  }
  float get(Stream& stream, CUdeviceptr from) {
    float value = 0;
    EXPECT_TRUE(copy_from_device(stream, std::as_writable_bytes(std::span(&value, 1)), from).ok());
    return value;
  }
};

TEST_F(ModuleTest, AKernelRunsWithTheValuesOfItsLaunch) {
  Stream stream = this->stream();
  const DeviceBuffer in = buffer(32);
  const DeviceBuffer out = buffer(32);
  const Result<Function> function = load()->function("scale");
  ASSERT_TRUE(function.ok()) << "it keeps its module";
  put(stream, in.address(), 3);
  ASSERT_TRUE(scale(stream, *function, in.address(), out.address(), 2, 8).ok());
  EXPECT_EQ(get(stream, out.address() + 28), 6);
}

TEST_F(ModuleTest, AKernelIsCaptured) {
  Stream stream = this->stream();
  const DeviceBuffer in = buffer(32);
  const DeviceBuffer out = buffer(32);
  const Result<Function> function = load()->function("scale");
  ASSERT_TRUE(begin_capture(stream).ok());
  ASSERT_TRUE(scale(stream, *function, in.address(), out.address(), 2, 8).ok());
  const Result<Graph> graph = end_capture(stream);
  Result<GraphExec> exec = GraphExec::instantiate(*device_, *graph);
  for (const float value : {1.0F, 5.0F}) {
    put(stream, in.address(), value);
    ASSERT_TRUE(exec->launch(stream).ok());
    EXPECT_EQ(get(stream, out.address()), 2 * value);
  }
}

TEST_F(ModuleTest, MoreSharedMemoryThanUsualIsAskedFor) {
  Stream stream = this->stream();
  const DeviceBuffer in = buffer(32);
  const Result<Function> function = load()->function("scale");
  CUdeviceptr address = in.address();
  float factor = 1;
  int count = 1;
  CUdeviceptr out = in.address() + 16;
  const std::array<void*, 4> arguments = {&address, &out, &factor, &count};
  const std::size_t asked = fakeCalls("cuFuncSetAttribute");
  ASSERT_TRUE(launch(stream, *function, {}, {}, 48 * 1024, arguments).ok());
  EXPECT_EQ(fakeCalls("cuFuncSetAttribute"), asked);
  ASSERT_TRUE(launch(stream, *function, {}, {}, 48 * 1024 + 1, arguments).ok());
  EXPECT_EQ(fakeCalls("cuFuncSetAttribute"), asked + 1);
  ASSERT_TRUE(stream.synchronize().ok());
}

TEST_F(ModuleTest, AFunctionThatIsNotThereIsNamed) {
  const Result<Function> function = load()->function("no_such");
  EXPECT_EQ(function.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(function.status().message(), "the compiled kernels have no 'no_such'");
}

TEST_F(ModuleTest, WhatIsNoCubinIsRefused) {
  const std::vector<std::byte> nothing(64);
  EXPECT_EQ(Module::load(*device_, nothing).status().message(),
            "loading compiled kernels: CUDA_ERROR_INVALID_IMAGE (200): device kernel image is invalid");
  EXPECT_EQ(Module::load(*device_, nothing).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Module::load(*device_, std::span(nothing).first(63)).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(ModuleTest, AKernelThatGoesBeyondItsMemoryIsFound) {
  Stream stream = this->stream();
  const DeviceBuffer in = buffer(32);
  const DeviceBuffer out = buffer(28);
  const Result<Function> function = load()->function("scale");
  EXPECT_FALSE(scale(stream, *function, in.address(), out.address(), 2, 8).ok());
  expect_faults({"writes bytes 0 to 32 of the device memory"});
}

TEST_F(ModuleTest, WithoutRangesAKernelTouchesAllThatFollowsInItsMemory) {
  Stream first = stream();
  Stream second = stream();
  const DeviceBuffer in = buffer(32);
  const DeviceBuffer out = buffer(32);
  const Result<Function> function = load()->function("scale_all");
  ASSERT_TRUE(scale(first, *function, in.address(), out.address() + 16, 2, 1).ok());
  ASSERT_TRUE(fill(second, out.address(), std::byte{1}, 16).ok());
  expect_faults({});
  ASSERT_TRUE(fill(second, out.address() + 24, std::byte{1}, 4).ok());
  expect_faults({"cuLaunchKernel"});
  ASSERT_TRUE(first.synchronize().ok());
  ASSERT_TRUE(second.synchronize().ok());
}

TEST_F(ModuleTest, AKernelOfAModuleThatWasUnloadedIsFound) {
  Stream stream = this->stream();
  const std::vector<char> image = cubin();
  const ContextScope scope(*device_);
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  ASSERT_EQ(device_->api().ModuleLoadData(&module, image.data()), CUDA_SUCCESS);
  ASSERT_EQ(device_->api().ModuleGetFunction(&function, module, "scale"), CUDA_SUCCESS);
  ASSERT_EQ(device_->api().ModuleUnload(module), CUDA_SUCCESS);
  EXPECT_EQ(device_->api().LaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, stream.get(), nullptr, nullptr),
            CUDA_ERROR_INVALID_HANDLE);
  expect_faults({"launches a kernel of a module that was unloaded"});
}

}  // namespace
}  // namespace pyserver::cuda
