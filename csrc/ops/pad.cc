// pad: a picture on a larger canvas.
#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.h"
#include "ops/op_registry.h"
#include "ops/placement.h"

namespace pyserver {
namespace {

// So much is added at each side.
struct Sides {
  std::int64_t left = 0;
  std::int64_t top = 0;
  std::int64_t right = 0;
  std::int64_t bottom = 0;
};

class PadSides final : public PlacementRule {
 public:
  PadSides(const Sides& sides, PadColour colour) : sides_(sides), colour_(std::move(colour)) {}

  PictureSize canvas_of(const PictureSize& picture) const override {
    const auto added = [](std::int64_t side, std::int64_t more) { return side < 0 ? side : side + more; };
    return {added(picture.height, sides_.top + sides_.bottom), added(picture.width, sides_.left + sides_.right)};
  }

  Result<Placement> place(const PictureSize& picture) const override {
    return Placement{
        .canvas = canvas_of(picture), .window = picture, .canvas_top = sides_.top, .canvas_left = sides_.left};
  }

  const PadColour& colour() const override { return colour_; }

 private:
  const Sides sides_;
  const PadColour colour_;
};

// Whatever is missing to a size is added. A side of -1 is left as it is.
class PadToSize final : public PlacementRule {
 public:
  PadToSize(const PictureSize& size, bool center, PadColour colour)
      : size_(size), center_(center), colour_(std::move(colour)) {}

  PictureSize canvas_of(const PictureSize& picture) const override {
    return {size_.height < 0 ? picture.height : size_.height, size_.width < 0 ? picture.width : size_.width};
  }

  Result<Placement> place(const PictureSize& picture) const override {
    const PictureSize canvas = canvas_of(picture);
    if (picture.height > canvas.height || picture.width > canvas.width) {
      return invalid_argument(
          concat("a picture of ", to_string(picture), " is larger than the ", to_string(canvas), " to pad it to"));
    }
    return Placement{.canvas = canvas,
                     .window = picture,
                     .canvas_top = center_ ? (canvas.height - picture.height) / 2 : 0,
                     .canvas_left = center_ ? (canvas.width - picture.width) / 2 : 0};
  }

  const PadColour& colour() const override { return colour_; }

 private:
  const PictureSize size_;
  const bool center_;
  const PadColour colour_;
};

std::shared_ptr<const PlacementRule> read_sides(OpOptions& options, PadColour colour) {
  const std::vector<double> sides = options.numbers("sides", {});
  const auto is_count = [](double side) { return side >= 0 && side <= kLongestSide && side == std::floor(side); };
  for (const char* name : {"height", "width", "align"}) {
    if (options.has(name)) options.refuse(name, "it does not go with 'sides'");
  }
  if (sides.size() != 4 || !std::ranges::all_of(sides, is_count)) {
    options.refuse("sides", "expected [left, top, right, bottom] in whole pixels from 0 to 65535");
    return std::make_shared<PadSides>(Sides{}, std::move(colour));
  }
  const auto side = [&](std::size_t index) { return static_cast<std::int64_t>(sides[index]); };
  return std::make_shared<PadSides>(Sides{side(0), side(1), side(2), side(3)}, std::move(colour));
}

std::shared_ptr<const PlacementRule> read_size(OpOptions& options, PadColour colour) {
  if (!options.has("height") && !options.has("width")) {
    options.refuse("sides", "expected sides, or a height or a width to pad to");
  }
  const PictureSize size{options.maybe_integer("height", 1, kLongestSide).value_or(kFreeDimension),
                         options.maybe_integer("width", 1, kLongestSide).value_or(kFreeDimension)};
  const bool center = options.choice("align", {"top_left", "center"}) == "center";
  return std::make_shared<PadToSize>(size, center, std::move(colour));
}

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  PadColour colour = PadColour::read(options, "value");
  auto rule = options.has("sides") ? read_sides(options, std::move(colour)) : read_size(options, std::move(colour));
  return std::unique_ptr<Op>(std::make_unique<PlacementOp>("pad", std::move(rule)));
}

}  // namespace

OpEntry pad_op() {
  return {
      "pad", make,
      "A picture on a larger canvas. height, width: to pad to (one of them is enough; a larger picture is refused). "
      "align: top_left (default) or center. sides: instead of them, [left, top, right, bottom]. value: a number, or "
      "one for each channel (default 0)."};
}

}  // namespace pyserver
