/* fake_cuda: a test double of libcuda.so.1, and what tests ask it beside the driver's own functions.
 *
 * It executes on the host what the driver would execute on a device, in the same order, by one thread a stream, and
 * fails where the program makes a mistake that a real device might let pass. Each fault is a report that names the
 * access or call and what it conflicts with. By default the first fault is printed and ends the process with exit code
 * 86 (kFakeFaultExit); what is still alive when the process ends is a fault, too.
 *
 *   - memory: use after free, accesses beyond an allocation, memory freed while work that uses it may be running,
 *     page-locked memory that a copy uses changed or freed before the copy has run, writes of a kernel outside its
 *     ranges (into the bytes around its allocation), memory of another device
 *   - order: two accesses to the same bytes, one of them a write, that no stream, event or wait of the host orders.
 *     It is decided by vector clocks when work is enqueued, not by who happens to be first. The host's threads count as
 *     one: what one of them has waited for, all know; that they tell one another rightly is the thread sanitizer's to
 *     see. From ordinary host memory a copy reads when it is called, to ordinary host memory it waits, as the driver
 *     does it.
 *   - contexts: a call without a current context, or with another's stream, event, graph or memory
 *   - capture: an allocation, a release, a synchronous call or a question about captured work while a stream captures;
 *     a copy of ordinary host memory, which each launch would read at a time that nobody knows
 *   - graphs: a launch whose memory is gone
 *   - host functions that call CUDA
 *   - leaks at exit: contexts, streams, events, graphs, memory, modules, mappings of another process's memory
 *
 * Device addresses are not mapped in the process, and never used again: host code that dereferences one crashes.
 * New device memory is full of 0xCD.
 *
 * The environment, read when the driver is started:
 *   FAKE_CUDA_DEVICES     how many devices (1)
 *   FAKE_CUDA_MEMORY_MIB  memory of each (1024)
 *   FAKE_CUDA_VERSION     what cuDriverGetVersion says (13000)
 *   FAKE_CUDA_LEAKS=0     no report of leaks at exit
 */
#ifndef PYSERVER_TESTS_FAKE_CUDA_H_
#define PYSERVER_TESTS_FAKE_CUDA_H_

#include <cuda.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { kFakeFaultExit = 86 };

typedef enum { FAKE_READ = 1, FAKE_WRITE = 2 } FakeAccessKind; /* or both: FAKE_READ | FAKE_WRITE */

typedef struct {
  CUdeviceptr address; /* of device memory; page-locked host memory may be named by its host address */
  size_t bytes;
  int kind;
} FakeAccess;

/* Enqueues (or, under capture, records) host code as if it were a kernel that touches exactly these ranges.
 * `kernel(arguments, pointers)` runs on the stream's thread with host pointers, one a range, in their order.
 * `arguments` are copied (size bytes). Outside the declared ranges nothing may be touched. */
typedef void (*FakeKernelFunction)(const void* arguments, void* const* pointers);
CUresult fakeLaunch(CUstream stream, FakeKernelFunction kernel, const void* arguments, size_t size,
                    const FakeAccess* accesses, size_t count);

/* Ready-made kernels, for callers that have none of their own (Python over ctypes); CUDA_ERROR_NOT_FOUND for another
 * op. op              ranges (in order)       arguments "copy"          read from, write to     – the shorter range
 * counts "fill"          write to                uint8 value "scale_f32"     read x, write y         float factor y =
 * factor · x "add_f32"       read a, read b, write y –                                      y = a + b "sum_rows_f32"
 * read x, write y         uint64 columns                         y[r] = sum of row r of x "argmax_f32"    read x, write
 * y         uint64 columns                         y[r] (int32) = first largest of row r "spin_us"       any uint64
 * microseconds                    keeps the stream busy "fail"          any                     – the device fails:
 * from then on every call returns CUDA_ERROR_LAUNCH_FAILED
 */
CUresult fakeLaunchNamed(CUstream stream, const char* op, const void* arguments, size_t size,
                         const FakeAccess* accesses, size_t count);

/* A "cubin" for the double is a shared object for the host (ELF) that exports
 *   const FakeModuleKernel* fakeKernels(size_t* count);
 * with one entry for each kernel. cuModuleLoadData finds the end of the image by its ELF header. */
typedef struct {
  unsigned grid[3];
  unsigned block[3];
  unsigned shared_bytes;
} FakeLaunchShape;

typedef struct {
  const char* name;
  size_t parameter_count;
  const size_t* parameter_sizes; /* in bytes */
  /* 0: a value. FAKE_READ, FAKE_WRITE or both: a pointer to device memory (8 bytes, may be null), which run() gets as a
   * host pointer. */
  const int* parameter_kinds;
  /* Runs the whole grid. arguments[i] points to the value of parameter i. */
  void (*run)(const FakeLaunchShape* shape, void* const* arguments);
  /* Null: a pointer's range is what follows it in its allocation. Else fills bytes[i] for each parameter that is a
   * pointer, whose values here are still the device addresses. */
  void (*ranges)(const FakeLaunchShape* shape, void* const* arguments, size_t* bytes);
} FakeModuleKernel;

/* Collecting mode, for tests that plant faults: the process goes on, and the call returns an error where it has one. */
void fakeCollectFaults(int on);
size_t fakeFaultCount(void);
const char* fakeFault(size_t index); /* valid until fakeClearFaults() */
void fakeClearFaults(void);

/* How often a function was called, by its exported name such as "cuMemAlloc_v2"; "" for all together. */
size_t fakeCalls(const char* function);
/* Copies from and to ordinary host memory, which are slow on a real device. */
size_t fakePageableCopies(void);

/* The call number `after` + 1 of the function from now on returns `result`; once. It does nothing else, but what it was
 * to release is released, as the driver does it on a device that has failed. "": of any function but those that release
 * something. CUDA_SUCCESS takes back what was planted. */
void fakeFailCall(const char* function, size_t after, CUresult result);

/* While held, a stream executes nothing: what is enqueued stays ahead, for as long as a test wants. */
void fakeHoldStream(CUstream stream);
void fakeReleaseStream(CUstream stream);

/* Whether all that was enqueued has run; unlike the driver's question, asking teaches the double nothing. */
int fakeStreamIdle(CUstream stream);

/* The leaks of this moment, each as a fault; returns how many. At exit it is called by itself. */
size_t fakeReportLeaks(void);

#ifdef __cplusplus
}
#endif

#endif
