// FrameScanner: where the frames lie in what a peer sends, and their headers. nghttp2 does not show the frames that it
// ignores, and a flood may consist of those.
//
// Thread-compatible; copies at most a few bytes of a frame.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pyserver {

struct FrameHead {
  std::uint32_t length = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::int32_t stream = 0;
};

class FrameScanner {
 public:
  static constexpr std::size_t kPrefaceSize = 24;
  static constexpr std::size_t kPeek = 5;

  // Goes forward over what is in `bytes` up to the end of the frame that is underway, and returns how far.
  std::size_t advance(std::span<const std::byte> bytes);

  // Of the last advance(): whether the frame's header was completed by it.
  bool began() const noexcept { return began_; }
  // Of the last advance(): whether the frame was completed by it.
  bool completed() const noexcept { return completed_; }
  const FrameHead& head() const noexcept { return head_; }
  // The first bytes of what the frame holds, as far as they have come.
  std::span<const std::uint8_t> peeked() const noexcept { return {peek_.data(), peek_size_}; }
  // Octets of DATA without its padding; of a frame whose first byte has come.
  std::size_t content_size() const noexcept;

 private:
  static constexpr std::size_t kHeadSize = 9;
  void read_head() noexcept;

  std::size_t preface_left_ = kPrefaceSize;
  std::array<std::uint8_t, kHeadSize> raw_head_{};
  std::size_t raw_head_size_ = 0;
  std::size_t content_left_ = 0;
  std::array<std::uint8_t, kPeek> peek_{};
  std::size_t peek_size_ = 0;
  bool began_ = false;
  bool completed_ = false;
  FrameHead head_;
};

}  // namespace pyserver
