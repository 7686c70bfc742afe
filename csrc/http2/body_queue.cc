#include "http2/body_queue.h"

#include <algorithm>

namespace pyserver {
namespace {

// From here on the buffer belongs to all who have bytes of it.
void share(BodyPiece& piece) {
  if (piece.owner != nullptr) return;
  auto owner = std::make_shared<const Buffer>(std::move(piece.buffer));
  piece.lent = owner->bytes();
  piece.owner = std::move(owner);
}

}  // namespace

void BodyQueue::push(BodyPiece body) {
  const std::size_t size = body.size();
  if (size == 0) return;
  // Where sent pieces are most of it, they make room first, so that an endless stream needs no endless vector.
  if (first_ > 16 && first_ * 2 > pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  pieces_.push_back({std::move(body), 0, size});
  size_ += size;
}

void BodyQueue::move_to(OutputQueue& out, std::size_t size) {
  size = std::min(size, size_);
  size_ -= size;
  while (size > 0) {
    Piece& piece = pieces_[first_];
    const std::size_t prefix = piece.body.prefix_size;
    if (piece.sent < prefix) {
      const std::size_t taken = std::min(size, prefix - piece.sent);
      out.append({piece.body.prefix.data() + piece.sent, taken});
      piece.sent += taken;
      size -= taken;
    }
    const std::size_t taken = std::min(size, piece.size - piece.sent);
    if (taken > 0) {
      if (piece.size <= kCopyLimit) {
        out.append(piece.body.bytes().subspan(piece.sent - prefix, taken));
      } else {
        share(piece.body);
        out.append(piece.body.lent.subspan(piece.sent - prefix, taken), piece.body.owner);
      }
      piece.sent += taken;
      size -= taken;
    }
    if (piece.sent < piece.size) continue;
    piece.body = BodyPiece();
    ++first_;
  }
  if (size_ == 0) clear();
}

void BodyQueue::clear() noexcept {
  pieces_.clear();
  first_ = 0;
  size_ = 0;
}

}  // namespace pyserver
