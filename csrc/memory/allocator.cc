#include "memory/allocator.h"

#include <new>

namespace pyserver {

std::byte* HostAllocator::allocate(std::size_t bytes) noexcept {
  return static_cast<std::byte*>(::operator new(bytes, std::align_val_t{kBlockAlignment}, std::nothrow));
}

void HostAllocator::release(std::byte* block, std::size_t) noexcept {
  ::operator delete(block, std::align_val_t{kBlockAlignment});
}

}  // namespace pyserver
