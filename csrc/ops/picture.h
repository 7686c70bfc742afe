// What the ops that move pixels have in common: pictures of UINT8 or FP32 [height, width, 1, 3 or 4].
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>

#include "base/status.h"
#include "ops/op.h"
#include "ops/op_options.h"

namespace pyserver {

// In pixels; -1 is a side that only an actual picture tells.
struct PictureSize {
  std::int64_t height = 0;
  std::int64_t width = 0;

  bool known() const { return height >= 0 && width >= 0; }
  friend bool operator==(const PictureSize&, const PictureSize&) = default;
};

// "[480, 640]", the height first, as sizes are written in model.yaml.
std::string to_string(const PictureSize& size);

// The longest side that a picture may have, before and after an op.
inline constexpr std::int64_t kLongestSide = 65535;

// INVALID_ARGUMENT where `input` is no picture. A side that is known is from 1 to kLongestSide.
Status check_picture(const RowSpec& input);
// INVALID_ARGUMENT where a side that is known is not from 1 to kLongestSide. `what` begins the sentence ("the
// picture").
Status check_sides(const char* what, const PictureSize& size);

inline PictureSize size_of_picture(const Shape& shape) { return {shape[0], shape[1]}; }
inline Shape picture_shape(const PictureSize& size, std::int64_t channels) {
  return {size.height, size.width, channels};
}

// The colour of what a picture is padded with: one number, or one for each channel.
class PadColour {
 public:
  // Reads the option `name`, 0 by default.
  static PadColour read(OpOptions& options, std::string_view name);

  // INVALID_ARGUMENT where a picture such as `input` cannot have it.
  Status check(const RowSpec& input) const;
  // `pixels` of a picture whose pixels have this datatype and this many channels.
  void fill(std::span<std::byte> pixels, Datatype datatype, std::size_t channels) const;

 private:
  std::string option_;
  std::vector<double> values_{0};
};

}  // namespace pyserver
