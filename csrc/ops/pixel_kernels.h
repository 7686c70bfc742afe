// Arithmetic on the pixels of UINT8 pictures, with the vectors of the machine that runs it (Google Highway chooses).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pyserver {

// (x * scale - mean) / deviation by channel. The division is x * reciprocal with one step of correction, which is
// nearly always the quotient to the last bit (P. Markstein, "IA-64 and Elementary Functions", 2000); whoever needs it
// always compares.
struct PixelStage {
  float scale = 1;
  std::array<float, 3> mean{};
  std::array<float, 3> deviation{1, 1, 1};
  std::array<float, 3> reciprocal{1, 1, 1};
};

struct PixelFormula {
  static constexpr std::size_t kMaxStages = 2;  // to_tensor and normalize
  std::array<PixelStage, kMaxStages> stages;
  std::size_t stage_count = 0;
};

// Each kernel does as many pixels as fill its vectors and returns how many those are; the rest is the caller's.
// `to` holds FP32, or FP16 where `half`, aligned to its element.

// Three planes of `pixels` each, from three channels.
std::size_t pixels_to_planes(const std::uint8_t* from, std::size_t pixels, const PixelFormula& formula, bool half,
                             void* to);
// The same order as `from`; one channel or three.
std::size_t pixels_in_order(const std::uint8_t* from, std::size_t pixels, std::size_t channels,
                            const PixelFormula& formula, bool half, void* to);

// Three planes, from pixels of three channels whose elements have 1, 2 or 4 bytes (`element`).
std::size_t three_planes(const std::byte* from, std::size_t pixels, std::size_t element, std::byte* to);

}  // namespace pyserver
