/* CUDA C++ for a host's compiler: what kernels use of it, and how a module tells its kernels (fake_cuda.h).
 * Included before the kernel's own text, at whose end fake_nvrtc writes FAKE_MODULE(name). */
#ifndef PYSERVER_TESTS_FAKE_NVRTC_KERNEL_PRELUDE_H_
#define PYSERVER_TESTS_FAKE_NVRTC_KERNEL_PRELUDE_H_

#include "grid_runner.h"

#define __global__
#define __device__
#define __host__
#define __constant__
/* One for the block that an OS thread runs. */
#define __shared__ static thread_local

#define threadIdx fake_thread_index
#define blockIdx fake_block_index
#define blockDim fake_block_dim
#define gridDim fake_grid_dim
#define __syncthreads fake_wait_for_block

static inline unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
static inline float __uint_as_float(unsigned x) { return __builtin_bit_cast(float, x); }
static inline float exp(float x) { return __builtin_expf(x); }
static inline double exp(double x) { return __builtin_exp(x); }
static inline float fabs(float x) { return __builtin_fabsf(x); }
static inline double fabs(double x) { return __builtin_fabs(x); }
static inline double sqrt(double x) { return __builtin_sqrt(x); }
static inline double ceil(double x) { return __builtin_ceil(x); }
static inline float rintf(float x) { return __builtin_rintf(x); }

namespace fake {

using Size = decltype(sizeof(0));

struct Shape { /* FakeLaunchShape */
  unsigned grid[3];
  unsigned block[3];
  unsigned shared_bytes;
};

struct ModuleKernel { /* FakeModuleKernel */
  const char* name;
  Size parameter_count;
  const Size* parameter_sizes;
  const int* parameter_kinds;
  void (*run)(const Shape* shape, void* const* arguments);
  void (*ranges)(const Shape* shape, void* const* arguments, Size* bytes);
};

/* 0: a value, 1: a pointer to what is read, 2: to what is written. */
template <typename T>
constexpr int kind = 0;
template <typename T>
constexpr int kind<const T*> = 1;
template <typename T>
constexpr int kind<T*> = 2;
template <typename T>
constexpr int kind<const T* __restrict__> = 1;
template <typename T>
constexpr int kind<T* __restrict__> = 2;

template <auto function>
struct Described;

template <typename... Parameters, void (*function)(Parameters...)>
struct Described<function> {
  static constexpr Size sizes[] = {sizeof(Parameters)...};
  static constexpr int kinds[] = {kind<Parameters>...};

  template <Size... at>
  struct Indices {};
  template <Size count, Size... at>
  struct Counted : Counted<count - 1, count - 1, at...> {};
  template <Size... at>
  struct Counted<0, at...> {
    using Type = Indices<at...>;
  };

  template <Size... at>
  static void call(void* const* arguments, Indices<at...>) {
    function(*static_cast<Parameters*>(arguments[at])...);
  }

  static void run(const Shape* shape, void* const* arguments) {
    const auto thread = [](void* context) {
      call(static_cast<void* const*>(context), typename Counted<sizeof...(Parameters)>::Type());
    };
    fake_run_grid({shape->grid[0], shape->grid[1], shape->grid[2]}, {shape->block[0], shape->block[1], shape->block[2]},
                  thread, const_cast<void**>(arguments));
  }
};

}  // namespace fake

#define FAKE_MODULE(function)                                                                                       \
  extern "C" __attribute__((visibility("default"))) const fake::ModuleKernel* fakeKernels(fake::Size* count) {      \
    using Kernel = fake::Described<&function>;                                                                      \
    static const fake::ModuleKernel kernel = {                                                                      \
        #function, sizeof(Kernel::sizes) / sizeof(fake::Size), Kernel::sizes, Kernel::kinds, Kernel::run, nullptr}; \
    *count = 1;                                                                                                     \
    return &kernel;                                                                                                 \
  }

#endif
