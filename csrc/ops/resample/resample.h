// Resizing pictures with the arithmetic of Pillow or of OpenCV: the pixels, without what an op must say about them.
//
// Both weigh the pixels of lines and those of columns, one after the other; what differs is which pixels, the weights,
// and how sums are rounded (pillow_taps.h, opencv_taps.h, weigh.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace pyserver {

enum class Filter : std::uint8_t { kBilinear, kBicubic, kNearest, kArea, kLanczos };
// Pillow up to 12 weighs the pixels of a line first and those of a column then; Pillow 13 sometimes in the other order.
enum class PixelLibrary : std::uint8_t { kPillow, kPillow12, kOpenCv };
enum class PixelType : std::uint8_t { kUint8, kFp32 };

// A picture of `source_width` × `source_height` pixels, resized to `target_width` × `target_height`, of which only a
// window is computed. Every size is from 1 to kMaxSide, and the window lies in the target.
inline constexpr std::int64_t kMaxSide = 65535;

struct Resampling {
  Filter filter = Filter::kBilinear;  // kLanczos is Pillow's only
  PixelLibrary like = PixelLibrary::kPillow;
  PixelType type = PixelType::kUint8;
  std::int64_t channels = 3;
  std::int64_t source_width = 0;
  std::int64_t source_height = 0;
  std::int64_t target_width = 0;
  std::int64_t target_height = 0;
  std::int64_t left = 0;  // of the window
  std::int64_t top = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
};

// How much memory resample() needs for its own use, aligned to 64.
std::size_t resample_scratch_bytes(const Resampling& resampling);

// `source` holds the whole picture, aligned to its elements; `target` gets the window, `target_stride` elements from
// one row to the next. A pixel is the same whatever the window.
void resample(const Resampling& resampling, const std::byte* source, std::byte* target, std::size_t target_stride,
              std::byte* scratch);

}  // namespace pyserver
