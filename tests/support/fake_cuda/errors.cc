// The names of errors.
#include <array>

#include "exported.h"

namespace {

struct Named {
  CUresult result;
  const char* name;
  const char* text;
};

#define FAKE_NAMED(result, text) \
  Named { result, #result, text }
constexpr std::array kErrors = {
    FAKE_NAMED(CUDA_SUCCESS, "no error"),
    FAKE_NAMED(CUDA_ERROR_INVALID_VALUE, "invalid argument"),
    FAKE_NAMED(CUDA_ERROR_OUT_OF_MEMORY, "out of memory"),
    FAKE_NAMED(CUDA_ERROR_NOT_INITIALIZED, "initialization error"),
    FAKE_NAMED(CUDA_ERROR_DEINITIALIZED, "driver shutting down"),
    FAKE_NAMED(CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected"),
    FAKE_NAMED(CUDA_ERROR_INVALID_DEVICE, "invalid device ordinal"),
    FAKE_NAMED(CUDA_ERROR_INVALID_IMAGE, "device kernel image is invalid"),
    FAKE_NAMED(CUDA_ERROR_INVALID_CONTEXT, "invalid device context"),
    FAKE_NAMED(CUDA_ERROR_MAP_FAILED, "mapping of buffer object failed"),
    FAKE_NAMED(CUDA_ERROR_ALREADY_MAPPED, "resource already mapped"),
    FAKE_NAMED(CUDA_ERROR_NO_BINARY_FOR_GPU, "no kernel image is available for execution on the device"),
    FAKE_NAMED(CUDA_ERROR_INVALID_HANDLE, "invalid resource handle"),
    FAKE_NAMED(CUDA_ERROR_NOT_FOUND, "named symbol not found"),
    FAKE_NAMED(CUDA_ERROR_NOT_READY, "device not ready"),
    FAKE_NAMED(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered"),
    FAKE_NAMED(CUDA_ERROR_CONTEXT_IS_DESTROYED, "context is destroyed"),
    FAKE_NAMED(CUDA_ERROR_LAUNCH_FAILED, "unspecified launch failure"),
    FAKE_NAMED(CUDA_ERROR_NOT_PERMITTED, "operation not permitted"),
    FAKE_NAMED(CUDA_ERROR_NOT_SUPPORTED, "operation not supported"),
    FAKE_NAMED(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, "system has unsupported display driver / cuda driver combination"),
    FAKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "operation not permitted when stream is capturing"),
    FAKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "operation failed due to a previous error during capture"),
    FAKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_MERGE, "operation would result in a merge of separate capture sequences"),
    FAKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "capture was not ended in the same stream as it began"),
    FAKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "capturing stream has unjoined work"),
    FAKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "dependency created on uncaptured work in another stream"),
    FAKE_NAMED(CUDA_ERROR_CAPTURED_EVENT, "operation not permitted on an event last recorded in a capturing stream"),
    FAKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD,
               "attempt to terminate a thread-local capture from another thread"),
    FAKE_NAMED(CUDA_ERROR_UNKNOWN, "unknown error"),
};
#undef FAKE_NAMED

const Named* named(CUresult result) {
  for (const Named& error : kErrors) {
    if (error.result == result) return &error;
  }
  return nullptr;
}

}  // namespace

CUresult CUDAAPI cuGetErrorName(CUresult error, const char** name) {
  const Named* found = named(error);
  *name = found == nullptr ? nullptr : found->name;
  return found == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult CUDAAPI cuGetErrorString(CUresult error, const char** text) {
  const Named* found = named(error);
  *text = found == nullptr ? nullptr : found->text;
  return found == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}
