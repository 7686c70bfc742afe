// Host code in the place of kernels: that of the caller, and ready-made ones.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "exported.h"
#include "work.h"

using namespace fake_cuda;

namespace {

// What a ready-made kernel is called with.
struct Launch {
  const std::vector<Range>& ranges;
  void* const* pointers;
  const std::vector<std::byte>& arguments;

  template <typename T>
  T argument() const {
    T value{};
    std::memcpy(&value, arguments.data(), std::min(sizeof value, arguments.size()));
    return value;
  }
  template <typename T>
  T* range(std::size_t index) const {
    return static_cast<T*>(pointers[index]);
  }
  template <typename T>
  std::size_t count(std::size_t index) const {
    return ranges[index].bytes / sizeof(T);
  }
};

CUresult run_copy(const Launch& launch) {
  const std::size_t bytes = std::min(launch.ranges[0].bytes, launch.ranges[1].bytes);
  if (bytes > 0) std::memmove(launch.pointers[1], launch.pointers[0], bytes);
  return CUDA_SUCCESS;
}

CUresult run_fill(const Launch& launch) {
  std::fill_n(launch.range<unsigned char>(0), launch.ranges[0].bytes, launch.argument<unsigned char>());
  return CUDA_SUCCESS;
}

CUresult run_scale(const Launch& launch) {
  const float factor = launch.argument<float>();
  const std::size_t count = std::min(launch.count<float>(0), launch.count<float>(1));
  std::transform(launch.range<float>(0), launch.range<float>(0) + count, launch.range<float>(1),
                 [factor](float value) { return factor * value; });
  return CUDA_SUCCESS;
}

CUresult run_add(const Launch& launch) {
  const std::size_t count = std::min({launch.count<float>(0), launch.count<float>(1), launch.count<float>(2)});
  std::transform(launch.range<float>(0), launch.range<float>(0) + count, launch.range<float>(1), launch.range<float>(2),
                 std::plus<>());
  return CUDA_SUCCESS;
}

// Calls `reduce(first, last)` for each row of range 0, for range 1.
template <typename Result, typename Reduce>
CUresult reduce_rows(const Launch& launch, Reduce reduce) {
  const std::size_t columns = launch.argument<std::uint64_t>();
  if (columns == 0) return CUDA_ERROR_ILLEGAL_ADDRESS;
  const std::size_t rows = std::min(launch.count<float>(0) / columns, launch.count<Result>(1));
  for (std::size_t row = 0; row < rows; ++row) {
    const float* const first = launch.range<float>(0) + row * columns;
    launch.range<Result>(1)[row] = reduce(first, first + columns);
  }
  return CUDA_SUCCESS;
}

CUresult run_sum_rows(const Launch& launch) {
  return reduce_rows<float>(launch, [](const float* first, const float* last) {
    float sum = 0;
    for (; first != last; ++first) sum += *first;
    return sum;
  });
}

CUresult run_argmax(const Launch& launch) {
  return reduce_rows<std::int32_t>(launch, [](const float* first, const float* last) {
    return static_cast<std::int32_t>(std::max_element(first, last) - first);
  });
}

CUresult run_spin(const Launch& launch) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(launch.argument<std::uint64_t>());
  while (std::chrono::steady_clock::now() < until) {
  }
  return CUDA_SUCCESS;
}

CUresult run_fail(const Launch&) { return CUDA_ERROR_LAUNCH_FAILED; }

struct NamedKernel {
  std::string_view op;
  std::size_t ranges;  // that it needs at least
  CUresult (*run)(const Launch&);
};
constexpr NamedKernel kKernels[] = {
    {"copy", 2, run_copy},
    {"fill", 1, run_fill},
    {"scale_f32", 2, run_scale},
    {"add_f32", 3, run_add},
    {"sum_rows_f32", 2, run_sum_rows},
    {"argmax_f32", 2, run_argmax},
    {"spin_us", 0, run_spin},
    {"fail", 0, run_fail},
};

std::vector<Range> ranges_of(const FakeAccess* accesses, std::size_t count) {
  std::vector<Range> ranges;
  for (const FakeAccess* access = accesses; access != accesses + count; ++access) {
    ranges.push_back({access->address, access->bytes, access->kind});
  }
  return ranges;
}

std::vector<std::byte> copy_of(const void* arguments, std::size_t size) {
  const auto* const begin = static_cast<const std::byte*>(arguments);
  return {begin, begin + size};
}

}  // namespace

CUresult fakeLaunch(CUstream handle, FakeKernelFunction kernel, const void* arguments, std::size_t size,
                    const FakeAccess* accesses, std::size_t count) {
  Call call("fakeLaunch", kNeedsContext);
  if (call.refused()) return call.result();
  const auto stream = call.stream(handle);
  if (!stream) return call.result();
  Work work{.what = label_on(call, *stream), .ranges = ranges_of(accesses, count), .run = nullptr, .is_kernel = true};
  work.run = [kernel, copied = copy_of(arguments, size)](void* const* pointers) {
    kernel(copied.data(), pointers);
    return CUDA_SUCCESS;
  };
  return enqueue(call, stream, std::move(work));
}

CUresult fakeLaunchNamed(CUstream handle, const char* op, const void* arguments, std::size_t size,
                         const FakeAccess* accesses, std::size_t count) {
  Call call("fakeLaunchNamed", kNeedsContext);
  if (call.refused()) return call.result();
  const auto* const kernel =
      std::find_if(std::begin(kKernels), std::end(kKernels), [op](const NamedKernel& known) { return known.op == op; });
  if (kernel == std::end(kKernels)) return CUDA_ERROR_NOT_FOUND;
  if (count < kernel->ranges) return CUDA_ERROR_INVALID_VALUE;
  const auto stream = call.stream(handle);
  if (!stream) return call.result();
  Work work{.what = label_on(call, *stream), .ranges = ranges_of(accesses, count), .run = nullptr, .is_kernel = true};
  work.run = [run = kernel->run, ranges = work.ranges, copied = copy_of(arguments, size)](void* const* pointers) {
    return run({.ranges = ranges, .pointers = pointers, .arguments = copied});
  };
  return enqueue(call, stream, std::move(work));
}
