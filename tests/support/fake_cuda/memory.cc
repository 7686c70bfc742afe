#include "memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>

#include "report.h"
#include "text.h"

namespace fake_cuda {
namespace {

constexpr std::size_t kAlignment = 512;
constexpr std::size_t kGuardBytes = 512;
constexpr std::byte kGuard{0xFD};
constexpr std::byte kNew{0xCD};
constexpr std::size_t kAddressesOfADevice = std::size_t{64} << 30;

std::size_t rounded_up(std::size_t size, std::size_t to) { return (size + to - 1) / to * to; }

}  // namespace

std::shared_ptr<Bytes> Bytes::for_device(std::size_t size) {
  void* memory = ::operator new(size + 2 * kGuardBytes, std::align_val_t{kAlignment}, std::nothrow);
  if (memory == nullptr) return nullptr;
  std::byte* const data = static_cast<std::byte*>(memory) + kGuardBytes;
  std::fill_n(data, size, kNew);
  const std::shared_ptr<Bytes> bytes(new Bytes(Kind::kDevice, data, size, -1));
  bytes->restore_guards();
  return bytes;
}

std::shared_ptr<Bytes> Bytes::for_host(std::size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  return std::shared_ptr<Bytes>(new Bytes(Kind::kHost, static_cast<std::byte*>(memory), size, -1));
}

std::shared_ptr<Bytes> Bytes::shared(int file, std::size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) {
    close(file);
    return nullptr;
  }
  return std::shared_ptr<Bytes>(new Bytes(Kind::kShared, static_cast<std::byte*>(memory), size, file));
}

Bytes::~Bytes() {
  switch (kind_) {
    case Kind::kDevice: ::operator delete(data_ - kGuardBytes, std::align_val_t{kAlignment}); break;
    case Kind::kHost:
      // The pages go, the addresses stay.
      madvise(data_, size_, MADV_DONTNEED);
      mprotect(data_, size_, PROT_NONE);
      break;
    case Kind::kShared:
      munmap(data_, size_);
      close(file_);
      break;
  }
}

bool Bytes::guards_intact() const {
  if (kind_ != Kind::kDevice) return true;
  const auto is_guard = [](std::byte value) { return value == kGuard; };
  return std::all_of(data_ - kGuardBytes, data_, is_guard) &&
         std::all_of(data_ + size_, data_ + size_ + kGuardBytes, is_guard);
}

void Bytes::restore_guards() {
  if (kind_ != Kind::kDevice) return;
  std::fill_n(data_ - kGuardBytes, kGuardBytes, kGuard);
  std::fill_n(data_ + size_, kGuardBytes, kGuard);
}

std::string Block::name() const {
  const char* kind = where == Where::kHost       ? "page-locked memory"
                     : where == Where::kImported ? "memory of another process"
                                                 : "device memory";
  return text("the ", kind, " at ", hex(base), " (", size, " bytes, from ", *allocated_by, ")");
}

void MemoryMap::reserve(int devices) {
  const std::size_t size = kAddressesOfADevice * static_cast<std::size_t>(devices);
  // By the system call, past the sanitizers, who would make shadows for it.
  const long reserved =
      syscall(SYS_mmap, nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L);
  if (reserved == -1) {
    std::fprintf(stderr, "fake_cuda: no %zu bytes of addresses can be reserved\n", size);
    end_process();
  }
  begin_ = static_cast<CUdeviceptr>(reserved);
  end_ = begin_ + size;
  for (int device = 0; device < devices; ++device) {
    // The first addresses are left out, so that a small step before a block does not leave its device.
    next_.push_back(begin_ + kAddressesOfADevice * static_cast<std::size_t>(device) + kAlignment);
  }
}

CUdeviceptr MemoryMap::next_address(int device, std::size_t size) {
  CUdeviceptr& next = next_[static_cast<std::size_t>(device)];
  const CUdeviceptr end = begin_ + kAddressesOfADevice * (static_cast<std::size_t>(device) + 1);
  const CUdeviceptr address = rounded_up(next, kAlignment);
  // Blocks never touch: a step beyond one is no step into the next.
  if (address >= end || size > end - address - kAlignment) return 0;
  next = address + size + kAlignment;
  return address;
}

std::shared_ptr<Block> MemoryMap::add(Where where, int device, CUdeviceptr base, std::size_t size,
                                      std::shared_ptr<Bytes> bytes, Label allocated_by) {
  const auto block = std::make_shared<Block>();
  block->where = where;
  block->device = device;
  block->base = base;
  block->size = size;
  block->bytes = std::move(bytes);
  block->allocated_by = std::move(allocated_by);
  blocks_[base] = block;
  return block;
}

std::shared_ptr<Block> MemoryMap::find(CUdeviceptr address) const {
  const auto after = blocks_.upper_bound(address);
  if (after == blocks_.begin()) return nullptr;
  const std::shared_ptr<Block>& block = std::prev(after)->second;
  if (address - block->base < block->size) return block;
  return is_device_address(address) && is_device_address(block->base) ? block : nullptr;
}

bool MemoryMap::is_device_address(CUdeviceptr address) const { return address >= begin_ && address < end_; }

}  // namespace fake_cuda
