// Resizing by picking, for each pixel, one of the source.
#pragma once

#include "ops/resample/resample.h"
#include "ops/resample/taps.h"

namespace pyserver {

// The source pixel of each of line.count pixels. The libraries round differently.
void fill_nearest(PixelLibrary like, const ResizedLine& line, std::int32_t* pixels);

// `columns` and `rows` have the window's width and height of entries; strides are in bytes.
void pick_pixels(const Resampling& resampling, std::size_t pixel_bytes, const std::byte* source, std::byte* target,
                 std::size_t target_stride, const std::int32_t* columns, const std::int32_t* rows);

}  // namespace pyserver
