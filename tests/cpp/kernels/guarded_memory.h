// GuardedMemory: bytes that end where a page ends that nobody may touch, so that whoever reads or writes beyond them
// crashes; and begin behind one, as far as the alignment allows.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <span>

namespace pyserver::testing {

class GuardedMemory {
 public:
  explicit GuardedMemory(std::size_t bytes) : bytes_(bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t room = (bytes + page - 1) / page * page;
    mapped_ = room + 2 * page;
    begin_ = static_cast<std::byte*>(mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (room > 0) mprotect(begin_ + page, room, PROT_READ | PROT_WRITE);
    data_ = begin_ + page + room - bytes;
    if (bytes > 0) std::memset(data_, 0xCD, bytes);
  }
  ~GuardedMemory() { munmap(begin_, mapped_); }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  std::byte* data() const noexcept { return data_; }
  std::span<std::byte> bytes() const noexcept { return {data_, bytes_}; }

 private:
  const std::size_t bytes_;
  std::size_t mapped_ = 0;
  std::byte* begin_ = nullptr;
  std::byte* data_ = nullptr;
};

}  // namespace pyserver::testing
