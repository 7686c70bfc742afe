#include "memory/message.h"

#include <cstring>

namespace pyserver {

std::size_t Message::size() const noexcept {
  std::size_t size = written_.size();
  for (const Lent& lent : lent_) size += lent.bytes.size();
  return size;
}

void Message::copy_to(std::byte* to) const noexcept {
  each_piece([&to](std::span<const std::byte> piece) {
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  });
}

}  // namespace pyserver
