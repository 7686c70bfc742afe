// PixelPass: several steps as one pass over a picture of UINT8 [height, width, channels].
//
// What comes out for a pixel is a function of its value and its channel, so a table of 256 results a channel, computed
// by the steps themselves, is exact. Arithmetic with vectors is faster than the table; it is taken where it gives, for
// every value and channel, what the table says: tried when the pass is made, on the machine that will run it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "ops/pixel_kernels.h"
#include "ops/pixel_step.h"

namespace pyserver {

// Immutable, so thread-safe.
class PixelPass {
 public:
  // Nothing where the steps cannot be one pass, or only move pixels.
  static std::optional<PixelPass> create(const PixelSteps& steps);

  // Whether the row is a picture that this pass is for. The steps take it.
  bool takes(const TensorView& input) const noexcept;
  void run(const TensorView& input, std::span<std::byte> output) const noexcept;

  // Whether it computes with vectors. For tests and benchmarks.
  bool vectorized() const noexcept { return vectorized_; }

 private:
  PixelPass() = default;
  bool fill_table(const PixelSteps& steps);
  bool vectors_agree() const;
  template <typename Element>
  void look_up(const std::byte* from, std::byte* to, std::size_t first, std::size_t pixels,
               std::size_t channels) const noexcept;

  Datatype datatype_ = Datatype::kFp32;
  bool planar_ = false;       // CHW comes out
  std::size_t channels_ = 1;  // of the table; 1: all channels alike
  std::vector<std::byte> table_;
  PixelFormula formula_;
  bool vectorized_ = false;
};

}  // namespace pyserver
