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

namespace pyserver {

class OutputQueue {
 public:
  // Copies.
  void append(std::span<const std::byte> bytes);
  // Borrows: `owner`, which keeps `bytes` as they are, is held until they are written.
  void append(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  // Fills `pieces` with what comes first and returns how many were filled.
  std::size_t front(std::span<iovec> pieces) const noexcept;
  // The first `size` bytes were written.
  void drop(std::size_t size) noexcept;

 private:
  struct Piece {
    const std::byte* data = nullptr;  // what is left of it
    std::size_t size = 0;
    std::unique_ptr<std::byte[]> block;  // of copied bytes
    std::size_t block_size = 0;          // how much the block can hold
    std::shared_ptr<const void> owner;   // of borrowed bytes
  };

  // How many more bytes can be copied behind the last piece.
  std::size_t room() const noexcept;
  void add_block(std::size_t wanted);

  std::deque<Piece> pieces_;
  // One small block, kept so that short answers allocate nothing; more would cost too much on idle connections.
  std::unique_ptr<std::byte[]> idle_block_;
  std::size_t size_ = 0;
};

}  // namespace pyserver
