// BodyQueue: what of one stream's body waits to be sent.
//
// Thread-compatible.
#pragma once

#include <memory>
#include <vector>

#include "http2/output_queue.h"
#include "http2/session.h"

namespace pyserver {

class BodyQueue {
 public:
  // Pieces up to this size are copied into the output: a copy is cheaper than an entry of writev() then.
  static constexpr std::size_t kCopyLimit = 4096;

  void push(BodyPiece piece);
  // Moves the first `size` bytes; large buffers are borrowed by `out`, not copied.
  void move_to(OutputQueue& out, std::size_t size);
  void clear() noexcept;

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  struct Piece {
    BodyPiece body;
    std::size_t sent = 0;  // of prefix and bytes together
    std::size_t size = 0;
  };

  std::vector<Piece> pieces_;
  std::size_t first_ = 0;  // pieces before it are sent
  std::size_t size_ = 0;
};

}  // namespace pyserver
