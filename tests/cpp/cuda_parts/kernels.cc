// What the tests of modules load in the place of a cubin: two kernels, as fake_cuda.h has it.
#include <fake_cuda.h>

#include <algorithm>

namespace {

constexpr size_t kSizes[] = {sizeof(void*), sizeof(void*), sizeof(float), sizeof(int)};
constexpr int kKinds[] = {FAKE_READ, FAKE_WRITE, 0, 0};

// out[i] = factor · in[i] for i < count; the grid covers them.
void scale(const FakeLaunchShape* shape, void* const* arguments) {
  const auto* const in = *static_cast<const float* const*>(arguments[0]);
  auto* const out = *static_cast<float* const*>(arguments[1]);
  const float factor = *static_cast<const float*>(arguments[2]);
  const int count = *static_cast<const int*>(arguments[3]);
  const int threads = static_cast<int>(shape->grid[0] * shape->block[0]);
  for (int i = 0; i < std::min(count, threads); ++i) out[i] = factor * in[i];
}

void ranges_of_scale(const FakeLaunchShape*, void* const* arguments, size_t* bytes) {
  bytes[0] = bytes[1] = static_cast<size_t>(*static_cast<const int*>(arguments[3])) * sizeof(float);
}

constexpr FakeModuleKernel kKernels[] = {
    {"scale", 4, kSizes, kKinds, scale, ranges_of_scale},
    {"scale_all", 4, kSizes, kKinds, scale, nullptr},
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const FakeModuleKernel* fakeKernels(size_t* count);
const FakeModuleKernel* fakeKernels(size_t* count) {
  *count = 2;
  return kKernels;
}
