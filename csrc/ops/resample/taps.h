// Taps: which pixels of a line, and with which weights, make each pixel of the resized line.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pyserver {

// Memory is the caller's. Pixel `i` is the sum over t < count[i] of weights[i * stride + t] times source pixel
// first[i] + t; further weights, up to the stride, are 0. `first` never falls from one pixel to the next. It may lie
// outside of the line, where its creator says so: then it stands for the nearest pixel of the line.
template <typename Weight>
struct Taps {
  std::size_t pixels = 0;
  std::size_t stride = 0;
  std::int32_t* first = nullptr;
  std::int32_t* count = nullptr;
  Weight* weights = nullptr;
};

// The pixels [start, start + count) of a line of `source` pixels that is resized to `target`.
struct ResizedLine {
  std::int64_t source = 0;
  std::int64_t target = 0;
  std::int64_t start = 0;
  std::int64_t count = 0;
};

// Parts of one block of memory, each aligned to 64 bytes. Without a block it only adds up what the parts need.
class Arena {
 public:
  explicit Arena(std::byte* block) : block_(block) {}

  template <typename Element>
  Element* take(std::size_t count) {
    const std::size_t start = (used_ + 63) / 64 * 64;
    used_ = start + count * sizeof(Element);
    return block_ == nullptr ? nullptr : reinterpret_cast<Element*>(block_ + start);
  }

  template <typename Weight>
  Taps<Weight> take_taps(std::size_t pixels, std::size_t stride) {
    return {pixels, stride, take<std::int32_t>(pixels), take<std::int32_t>(pixels), take<Weight>(pixels * stride)};
  }

  std::size_t used() const { return used_; }
  bool measures() const { return block_ == nullptr; }

 private:
  std::byte* block_;
  std::size_t used_ = 0;
};

}  // namespace pyserver
