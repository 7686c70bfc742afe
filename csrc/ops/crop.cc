// crop: a part of a picture, at a fixed place.
#include "base/text.h"
#include "ops/op_registry.h"
#include "ops/placement.h"

namespace pyserver {
namespace {

class Crop final : public PlacementRule {
 public:
  Crop(std::int64_t top, std::int64_t left, const PictureSize& size) : top_(top), left_(left), size_(size) {}

  PictureSize canvas_of(const PictureSize&) const override { return size_; }

  Result<Placement> place(const PictureSize& picture) const override {
    if (top_ + size_.height > picture.height || left_ + size_.width > picture.width) {
      return invalid_argument(concat("a part of ", to_string(size_), " at top ", top_, ", left ", left_,
                                     " does not lie in a picture of ", to_string(picture)));
    }
    return Placement{.canvas = size_, .window = size_, .top = top_, .left = left_};
  }

  const PadColour& colour() const override { return colour_; }

 private:
  const std::int64_t top_;
  const std::int64_t left_;
  const PictureSize size_;
  const PadColour colour_;  // never seen
};

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  const std::int64_t top = options.integer("top", 0, 0, kLongestSide);
  const std::int64_t left = options.integer("left", 0, 0, kLongestSide);
  for (const char* name : {"height", "width"}) {
    if (!options.has(name)) options.refuse(name, "it is needed");
  }
  const PictureSize size{options.integer("height", 1, 1, kLongestSide), options.integer("width", 1, 1, kLongestSide)};
  return std::unique_ptr<Op>(std::make_unique<PlacementOp>("crop", std::make_shared<Crop>(top, left, size)));
}

}  // namespace

OpEntry crop_op() {
  return {
      "crop", make,
      "A part of a picture; one that is smaller is refused. height, width: of the part (needed). top, left: where it "
      "begins (default 0)."};
}

}  // namespace pyserver
