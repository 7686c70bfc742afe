// Device memory of one process in another. A handle names a file of the exporting process, which the other one opens.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>

#include "exported.h"
#include "release.h"
#include "text.h"
#include "work.h"

using namespace fake_cuda;

namespace {

// What a CUipcMemHandle contains here.
struct Handle {
  char mark[8];
  int process;
  int file;
  int device;
  CUdeviceptr base;
  std::size_t size;
};
static_assert(sizeof(Handle) <= CU_IPC_HANDLE_SIZE);
constexpr char kMark[8] = {'f', 'a', 'k', 'e', 'i', 'p', 'c', '1'};

bool is_idle(const World& world) {
  for (const auto& [handle, stream] : world.streams.all()) {
    if (stream->busy || !stream->queue.empty()) return false;
  }
  return true;
}

// Moves the bytes of a block to memory that processes can share. Nothing may run meanwhile.
bool make_shared_memory(Call& call, Block& block) {
  if (block.bytes->file() >= 0) return true;
  call.state().progress.wait(call.lock(), [&] { return is_idle(call.state()); });
  const int file = memfd_create("fake_cuda_memory", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, static_cast<off_t>(block.size)) != 0) return false;
  std::shared_ptr<Bytes> shared = Bytes::shared(file, block.size);
  if (!shared) return false;
  std::memcpy(shared->data(), block.bytes->data(), block.size);
  block.bytes = std::move(shared);
  return true;
}

// The file behind a handle; -1 where there is none.
int open_file(const Handle& handle) {
  const int file = open(text("/proc/", handle.process, "/fd/", handle.file).c_str(), O_RDWR | O_CLOEXEC);
  struct stat status{};
  if (file >= 0 && fstat(file, &status) == 0 && static_cast<std::size_t>(status.st_size) == handle.size) return file;
  if (file >= 0) close(file);
  return -1;
}

}  // namespace

CUresult CUDAAPI cuIpcGetMemHandle(CUipcMemHandle* handle, CUdeviceptr address) {
  Call call("cuIpcGetMemHandle", kNeedsContext | kNotInCapture);
  if (call.refused()) return call.result();
  const auto block = call.state().memory.find(address);
  if (!block || !block->living() || block->where != Where::kDevice || block->base != address) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (!make_shared_memory(call, *block)) return CUDA_ERROR_OUT_OF_MEMORY;
  Handle made{};
  std::memcpy(made.mark, kMark, sizeof kMark);
  made.process = getpid();
  made.file = block->bytes->file();
  made.device = block->device;
  made.base = block->base;
  made.size = block->size;
  std::memset(handle, 0, sizeof *handle);
  std::memcpy(handle, &made, sizeof made);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuIpcOpenMemHandle(CUdeviceptr* address, CUipcMemHandle raw, unsigned int) {
  Call call("cuIpcOpenMemHandle_v2", kNeedsContext | kNotInCapture);
  if (call.refused()) return call.result();
  Handle handle;
  std::memcpy(&handle, &raw, sizeof handle);
  if (std::memcmp(handle.mark, kMark, sizeof kMark) != 0) return CUDA_ERROR_INVALID_VALUE;
  // As the driver has it: a process cannot open what it exported.
  if (handle.process == getpid()) return CUDA_ERROR_INVALID_CONTEXT;
  if (handle.device != call.device()) return CUDA_ERROR_INVALID_DEVICE;
  World& world = call.state();
  const std::string key(raw.reserved, sizeof raw.reserved);
  std::shared_ptr<Block> opened;
  world.memory.each([&](const std::shared_ptr<Block>& block) {
    if (block->living() && block->import_key == key) opened = block;
  });
  if (opened) {
    ++opened->imports;
    *address = opened->base;
    return CUDA_SUCCESS;
  }
  const int file = open_file(handle);
  if (file < 0) return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Bytes> shared = Bytes::shared(file, handle.size);
  const CUdeviceptr base = world.memory.next_address(call.device(), handle.size);
  if (!shared || base == 0) return CUDA_ERROR_MAP_FAILED;
  opened = world.memory.add(Where::kImported, call.device(), base, handle.size, std::move(shared), call.label());
  opened->import_key = key;
  opened->imports = 1;
  *address = base;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuIpcCloseMemHandle(CUdeviceptr address) {
  Call call("cuIpcCloseMemHandle", kNeedsContext | kNotInCapture | kReleases);
  if (call.refused()) return call.result();
  const auto block = block_to_release(call, address, Where::kImported, "memory of another process");
  if (!block) return CUDA_ERROR_INVALID_VALUE;
  if (--block->imports == 0) release_block(call, *block);
  return call.result();
}
