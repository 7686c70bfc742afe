#include "ops/resize_size.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace pyserver {
namespace {

double real(std::int64_t number) { return static_cast<double>(number); }

// The side beside `given`, so that the proportion of `along` to `across` is kept. Down as torchvision's
// Resize(N) has it, int(N * long / short); up as PaddleOCR's recogniser, ceil(N * (w / h)).
double side_beside(std::int64_t given, std::int64_t along, std::int64_t across, SideRounding rounding) {
  switch (rounding) {
    case SideRounding::kUp: return std::ceil(real(given) * (real(along) / real(across)));
    case SideRounding::kNearest: return std::nearbyint(real(given * along) / real(across));
    default: return std::trunc(real(given * along) / real(across));
  }
}

struct Sides {
  double height;
  double width;
};

Sides exact_sides(const ResizeSize& size, const PictureSize& picture) {
  const PictureSize& wanted = size.size;
  if (wanted.width < 0) {
    const double width = side_beside(wanted.height, picture.width, picture.height, size.rounding);
    return {real(wanted.height), size.max_width ? std::min(width, real(*size.max_width)) : width};
  }
  if (wanted.height < 0)
    return {side_beside(wanted.width, picture.height, picture.width, size.rounding), real(wanted.width)};
  return {real(wanted.height), real(wanted.width)};
}

Sides shorter_side(std::int64_t side, const PictureSize& picture) {
  if (picture.width <= picture.height) {
    return {side_beside(side, picture.height, picture.width, SideRounding::kDown), real(side)};
  }
  return {real(side), side_beside(side, picture.width, picture.height, SideRounding::kDown)};
}

// As Ultralytics' LetterBox: the largest that fits, each side rounded half to even.
Sides fitting_sides(const PictureSize& canvas, const PictureSize& picture) {
  const double ratio = std::min(real(canvas.height) / real(picture.height), real(canvas.width) / real(picture.width));
  return {std::nearbyint(real(picture.height) * ratio), std::nearbyint(real(picture.width) * ratio)};
}

// As PaddleOCR's detector: only a picture whose shorter (longer) side is below (above) the limit is changed.
Sides limited_sides(ResizeMode mode, std::int64_t limit, const PictureSize& picture) {
  const bool min = mode == ResizeMode::kLimitMin;
  const std::int64_t side = min ? std::min(picture.height, picture.width) : std::max(picture.height, picture.width);
  const bool changes = min ? side < limit : side > limit;
  const double ratio = changes ? real(limit) / real(side) : 1.0;
  return {std::trunc(real(picture.height) * ratio), std::trunc(real(picture.width) * ratio)};
}

Sides sides_of(const ResizeSize& size, const PictureSize& picture) {
  switch (size.mode) {
    case ResizeMode::kShorterSide: return shorter_side(size.size.height, picture);
    case ResizeMode::kLetterbox: return fitting_sides(size.size, picture);
    case ResizeMode::kLimitMin:
    case ResizeMode::kLimitMax: return limited_sides(size.mode, size.size.height, picture);
    default: return exact_sides(size, picture);
  }
}

bool is_side(double side) { return side >= 1 && side <= kLongestSide && side == std::floor(side); }

PictureSize read_size(OpOptions& options, ResizeMode mode) {
  const std::vector<double> sides = options.numbers("size", {});
  const auto free = std::ranges::count(sides, -1.0);
  const bool good = !sides.empty() && sides.size() <= 2 &&
                    std::ranges::all_of(sides, [](double side) { return side == -1 || is_side(side); });
  if (!good || static_cast<std::size_t>(free) == sides.size()) {
    options.refuse("size",
                   "expected a side, or [height, width] of which one may be -1, in whole pixels from 1 to 65535");
    return {1, 1};
  }
  if (free > 0 && mode != ResizeMode::kExact) options.refuse("size", "a side of -1 goes with mode exact only");
  if (sides.size() == 2 && mode != ResizeMode::kExact && mode != ResizeMode::kLetterbox) {
    options.refuse("size", "expected one side: this mode takes no [height, width]");
  }
  return {static_cast<std::int64_t>(sides.front()), static_cast<std::int64_t>(sides.back())};
}

ResizeMode read_mode(OpOptions& options) {
  const std::string mode = options.choice("mode", {"exact", "shorter_side", "letterbox", "limit_min", "limit_max"});
  if (mode == "shorter_side") return ResizeMode::kShorterSide;
  if (mode == "letterbox") return ResizeMode::kLetterbox;
  if (mode == "limit_min") return ResizeMode::kLimitMin;
  return mode == "limit_max" ? ResizeMode::kLimitMax : ResizeMode::kExact;
}

}  // namespace

ResizeSize ResizeSize::read(OpOptions& options) {
  ResizeSize size;
  size.mode = read_mode(options);
  size.size = read_size(options, size.mode);
  const bool free = size.mode == ResizeMode::kExact && !size.size.known();
  if (options.has("rounding") && !free) options.refuse("rounding", "it is for a side of -1");
  if (options.has("max_width") && size.size.width >= 0) options.refuse("max_width", "it is for a width of -1");
  if (options.has("multiple_of") && size.mode == ResizeMode::kLetterbox) {
    options.refuse("multiple_of", "it does not go with mode letterbox");
  }
  const std::string rounding = options.choice("rounding", {"down", "nearest", "up"});
  if (rounding != "down") size.rounding = rounding == "up" ? SideRounding::kUp : SideRounding::kNearest;
  size.max_width = options.maybe_integer("max_width", 1, kLongestSide);
  size.multiple_of = options.integer("multiple_of", 1, 1, kLongestSide);
  return size;
}

PictureSize ResizeSize::known() const {
  if (mode == ResizeMode::kLetterbox) return size;
  if (mode != ResizeMode::kExact) return {kFreeDimension, kFreeDimension};
  const auto known_side = [this](std::int64_t side) {
    // Half to even, as Python's round() and so PaddleOCR.
    return side < 0 ? side : static_cast<std::int64_t>(std::nearbyint(real(side) / real(multiple_of))) * multiple_of;
  };
  return {known_side(size.height), known_side(size.width)};
}

Result<PictureSize> ResizeSize::of(const PictureSize& picture) const {
  Sides sides = sides_of(*this, picture);
  for (double* side : {&sides.height, &sides.width})
    *side = std::nearbyint(*side / real(multiple_of)) * real(multiple_of);
  if (is_side(sides.height) && is_side(sides.width)) {
    return PictureSize{static_cast<std::int64_t>(sides.height), static_cast<std::int64_t>(sides.width)};
  }
  const auto told = [](double side) { return static_cast<std::int64_t>(std::min(side, 1e15)); };
  return invalid_argument(concat("a picture of ", to_string(picture), " would become one of ",
                                 to_string(PictureSize{told(sides.height), told(sides.width)}),
                                 ": each side must be from 1 to ", kLongestSide, " pixels"));
}

}  // namespace pyserver
