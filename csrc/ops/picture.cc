#include "ops/picture.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/text.h"

namespace pyserver {
namespace {

bool is_side(std::int64_t side) { return side == kFreeDimension || (side >= 1 && side <= kLongestSide); }

// The bytes of one pixel, repeated until `pixels` is full.
void repeat(std::span<const std::byte> pixel, std::span<std::byte> pixels) {
  if (pixels.empty()) return;
  std::size_t filled = std::min(pixel.size(), pixels.size());
  std::memcpy(pixels.data(), pixel.data(), filled);
  for (; filled < pixels.size(); filled *= 2) {
    std::memcpy(pixels.data() + filled, pixels.data(), std::min(filled, pixels.size() - filled));
  }
}

}  // namespace

std::string to_string(const PictureSize& size) { return to_string(Shape{size.height, size.width}); }

Status check_sides(const char* what, const PictureSize& size) {
  if (is_side(size.height) && is_side(size.width)) return {};
  return invalid_argument(
      concat("each side of ", what, " must be from 1 to ", kLongestSide, " pixels, got ", to_string(size)));
}

Status check_picture(const RowSpec& input) {
  const Shape& shape = input.shape;
  const bool pixels = input.datatype == Datatype::kUint8 || input.datatype == Datatype::kFp32;
  if (!pixels || shape.rank() != 3 || (shape[2] != 1 && shape[2] != 3 && shape[2] != 4)) {
    return invalid_argument(
        concat("expected a picture of UINT8 or FP32 [height, width, 1, 3 or 4], got ", to_string(input)));
  }
  return check_sides("the picture", size_of_picture(shape));
}

PadColour PadColour::read(OpOptions& options, std::string_view name) {
  PadColour colour;
  colour.option_ = name;
  colour.values_ = options.numbers(name, {0});
  const std::size_t count = colour.values_.size();
  if (count != 1 && count != 3 && count != 4) {
    options.refuse(name, concat("expected one number or one for each channel, got ", count));
    colour.values_ = {0};
  }
  return colour;
}

Status PadColour::check(const RowSpec& input) const {
  const auto channels = static_cast<std::size_t>(input.shape[2]);
  if (values_.size() != 1 && values_.size() != channels) {
    return invalid_argument(
        concat(quoted(option_), ": expected one number or ", channels, ", one for each channel, got ", values_.size()));
  }
  const auto is_byte = [](double value) { return value >= 0 && value <= 255 && value == std::floor(value); };
  if (input.datatype == Datatype::kUint8 && !std::ranges::all_of(values_, is_byte)) {
    return invalid_argument(concat(quoted(option_), ": expected whole numbers from 0 to 255 for a picture of UINT8"));
  }
  return {};
}

void PadColour::fill(std::span<std::byte> pixels, Datatype datatype, std::size_t channels) const {
  std::array<std::byte, 4 * sizeof(float)> pixel{};
  const std::size_t element = size_of(datatype);
  for (std::size_t channel = 0; channel < channels; ++channel) {
    const double value = values_[values_.size() == 1 ? 0 : channel];
    if (datatype == Datatype::kUint8) {
      pixel[channel] = static_cast<std::byte>(value);
    } else {
      const auto real = static_cast<float>(value);
      std::memcpy(pixel.data() + channel * element, &real, sizeof real);
    }
  }
  repeat(std::span(pixel).first(channels * element), pixels);
}

}  // namespace pyserver
