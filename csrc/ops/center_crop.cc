// center_crop: the middle of a picture, as torchvision's CenterCrop cuts it.
#include <algorithm>
#include <cmath>

#include "ops/op_registry.h"
#include "ops/placement.h"

namespace pyserver {
namespace {

// One side of it: what is kept, where that begins in the picture, and where on the canvas.
struct Side {
  std::int64_t length;
  std::int64_t start;
  std::int64_t canvas_start;
};

// A picture that is too small is padded first, the smaller half before it; then the middle is cut, where a place
// between two pixels is rounded to the even one.
Side middle_of(std::int64_t picture, std::int64_t wanted) {
  if (wanted >= picture) return {picture, 0, (wanted - picture) / 2};
  return {wanted, static_cast<std::int64_t>(std::nearbyint(static_cast<double>(picture - wanted) / 2.0)), 0};
}

class CenterCrop final : public PlacementRule {
 public:
  explicit CenterCrop(const PictureSize& size) : size_(size) {}

  PictureSize canvas_of(const PictureSize&) const override { return size_; }

  Result<Placement> place(const PictureSize& picture) const override {
    const Side rows = middle_of(picture.height, size_.height);
    const Side columns = middle_of(picture.width, size_.width);
    return Placement{.canvas = size_,
                     .window = {rows.length, columns.length},
                     .top = rows.start,
                     .left = columns.start,
                     .canvas_top = rows.canvas_start,
                     .canvas_left = columns.canvas_start};
  }

  const PadColour& colour() const override { return colour_; }

 private:
  const PictureSize size_;
  const PadColour colour_;
};

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  options.main_option("size");
  const std::vector<double> sides = options.numbers("size", {});
  const auto is_side = [](double side) { return side >= 1 && side <= kLongestSide && side == std::floor(side); };
  PictureSize size{1, 1};
  if (sides.empty() || sides.size() > 2 || !std::ranges::all_of(sides, is_side)) {
    options.refuse("size", "expected a side, or [height, width], in whole pixels from 1 to 65535");
  } else {
    size = {static_cast<std::int64_t>(sides.front()), static_cast<std::int64_t>(sides.back())};
  }
  return std::unique_ptr<Op>(std::make_unique<PlacementOp>("center_crop", std::make_shared<CenterCrop>(size)));
}

}  // namespace

OpEntry center_crop_op() {
  return {"center_crop", make,
          "The middle of a picture, as torchvision cuts it; one that is smaller is padded with 0. size: a side, or "
          "[height, width] (needed)."};
}

}  // namespace pyserver
