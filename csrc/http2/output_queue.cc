#include "http2/output_queue.h"

#include <algorithm>
#include <cstring>

namespace pyserver {
namespace {

constexpr std::size_t kFirstBlock = 4 * 1024;
// For what follows while the first is not written yet.
constexpr std::size_t kFurtherBlock = 16 * 1024;

}  // namespace

std::size_t OutputQueue::room() const noexcept {
  if (pieces_.empty() || pieces_.back().block == nullptr) return 0;
  const Piece& last = pieces_.back();
  return static_cast<std::size_t>(last.block.get() + last.block_size - (last.data + last.size));
}

void OutputQueue::add_block(std::size_t wanted) {
  Piece piece;
  if (pieces_.empty() && wanted <= kFirstBlock) {
    piece.block_size = kFirstBlock;
    piece.block =
        idle_block_ != nullptr ? std::move(idle_block_) : std::unique_ptr<std::byte[]>(new std::byte[kFirstBlock]);
  } else {
    piece.block_size = kFurtherBlock;
    piece.block = std::unique_ptr<std::byte[]>(new std::byte[kFurtherBlock]);
  }
  piece.data = piece.block.get();
  pieces_.push_back(std::move(piece));
}

void OutputQueue::append(std::span<const std::byte> bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    std::size_t fits = std::min(room(), bytes.size());
    if (fits == 0) {
      add_block(bytes.size());
      continue;
    }
    Piece& last = pieces_.back();
    std::byte* end = last.block.get() + (last.data - last.block.get()) + last.size;
    std::memcpy(end, bytes.data(), fits);
    last.size += fits;
    bytes = bytes.subspan(fits);
  }
}

void OutputQueue::append(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  if (bytes.empty()) return;
  size_ += bytes.size();
  pieces_.push_back({bytes.data(), bytes.size(), nullptr, 0, std::move(owner)});
}

std::size_t OutputQueue::front(std::span<iovec> pieces) const noexcept {
  const std::size_t count = std::min(pieces.size(), pieces_.size());
  for (std::size_t index = 0; index < count; ++index) {
    // writev() does not write to it.
    pieces[index] = {const_cast<std::byte*>(pieces_[index].data), pieces_[index].size};
  }
  return count;
}

void OutputQueue::drop(std::size_t size) noexcept {
  size = std::min(size, size_);
  size_ -= size;
  while (size > 0) {
    Piece& first = pieces_.front();
    const std::size_t taken = std::min(size, first.size);
    first.data += taken;
    first.size -= taken;
    size -= taken;
    if (first.size > 0) break;
    if (first.block_size == kFirstBlock) idle_block_ = std::move(first.block);
    pieces_.pop_front();
  }
}

}  // namespace pyserver
