#include "http2/frame_scanner.h"

#include <algorithm>
#include <cstring>

namespace pyserver {

std::size_t FrameScanner::advance(std::span<const std::byte> bytes) {
  began_ = completed_ = false;
  if (preface_left_ > 0) {
    const std::size_t taken = std::min(preface_left_, bytes.size());
    preface_left_ -= taken;
    return taken;
  }
  std::size_t at = 0;
  if (raw_head_size_ < kHeadSize) {
    at = std::min(kHeadSize - raw_head_size_, bytes.size());
    std::memcpy(raw_head_.data() + raw_head_size_, bytes.data(), at);
    raw_head_size_ += at;
    if (raw_head_size_ < kHeadSize) return at;
    read_head();
    began_ = true;
  }
  const std::size_t content = std::min(content_left_, bytes.size() - at);
  const std::size_t peeked = std::min(kPeek - peek_size_, content);
  std::memcpy(peek_.data() + peek_size_, bytes.data() + at, peeked);
  peek_size_ += peeked;
  content_left_ -= content;
  if (content_left_ == 0) {
    completed_ = true;
    raw_head_size_ = 0;
  }
  return at + content;
}

void FrameScanner::read_head() noexcept {
  const auto& raw = raw_head_;
  head_.length = static_cast<std::uint32_t>(raw[0] << 16 | raw[1] << 8 | raw[2]);
  head_.type = raw[3];
  head_.flags = raw[4];
  head_.stream = (raw[5] & 0x7f) << 24 | raw[6] << 16 | raw[7] << 8 | raw[8];
  content_left_ = head_.length;
  peek_size_ = 0;
}

std::size_t FrameScanner::content_size() const noexcept {
  constexpr std::uint8_t kPadded = 0x8;
  if ((head_.flags & kPadded) == 0 || peek_size_ == 0) return head_.length;
  const std::size_t padding = std::size_t{1} + peek_[0];
  return head_.length > padding ? head_.length - padding : 0;
}

}  // namespace pyserver
