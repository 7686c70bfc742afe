// OutputQueue: bytes on their way to a socket, as pieces for writev(): small ones copied together into blocks, large
// ones left where they are and kept alive until they are written.
//
// Belongs to one connection. Thread-compatible.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "memory/buffer_pool.h"

namespace pyserver {

class OutputQueue {
 public:
  // Copies.
  void append(std::span<const std::byte> bytes);
  // Borrows: `bytes` lie in `*owner`, which is held until they are written.
  void append(std::span<const std::byte> bytes, std::shared_ptr<const Buffer> owner);

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  // Fills `pieces` with what comes first and returns how many were filled.
  std::size_t front(std::span<iovec> pieces) const noexcept;
  // The first `size` bytes were written.
  void drop(std::size_t size) noexcept;

 private:
  struct Piece;
  std::deque<Piece> pieces_;
  std::vector<std::unique_ptr<std::byte[]>> idle_blocks_;
  std::size_t size_ = 0;
};

}  // namespace pyserver
