// To which size a picture is resized: pure arithmetic, to the last bit that of the library that it is known from.
#pragma once

#include <optional>

#include "ops/op_options.h"
#include "ops/picture.h"

namespace pyserver {

enum class ResizeMode { kExact, kShorterSide, kLetterbox, kLimitMin, kLimitMax };
enum class SideRounding { kDown, kNearest, kUp };

struct ResizeSize {
  ResizeMode mode = ResizeMode::kExact;
  // kExact: -1 keeps the picture's proportions; not both. kLetterbox: the canvas. Else both are the one number.
  PictureSize size;
  SideRounding rounding = SideRounding::kDown;  // of a side that is -1
  std::optional<std::int64_t> max_width;        // of a width that is -1
  std::int64_t multiple_of = 1;

  // Reads `size`, `mode`, `rounding`, `max_width` and `multiple_of`.
  static ResizeSize read(OpOptions& options);

  // INVALID_ARGUMENT where a side would be 0 or too long.
  Result<PictureSize> of(const PictureSize& picture) const;
  // What is known of it before there is a picture.
  PictureSize known() const;
};

}  // namespace pyserver
