// resize: a picture of another size, with the arithmetic of Pillow or of OpenCV.
#include <cstdint>
#include <cstring>

#include "base/text.h"
#include "ops/op_description.h"
#include "ops/op_registry.h"
#include "ops/placement.h"
#include "ops/resample/resample.h"
#include "ops/resize_size.h"

namespace pyserver {
namespace {

// The resized picture in the middle, or at the top left, of a canvas.
class Letterbox final : public PlacementRule {
 public:
  Letterbox(const PictureSize& canvas, bool center, PadColour colour)
      : canvas_(canvas), center_(center), colour_(std::move(colour)) {}

  PictureSize canvas_of(const PictureSize&) const override { return canvas_; }

  Result<Placement> place(const PictureSize& resized) const override {
    // Half of what is left, rounded down: what Ultralytics' round(half - 0.1) comes to.
    return Placement{.canvas = canvas_,
                     .window = resized,
                     .canvas_top = center_ ? (canvas_.height - resized.height) / 2 : 0,
                     .canvas_left = center_ ? (canvas_.width - resized.width) / 2 : 0};
  }

  const PadColour& colour() const override { return colour_; }

 private:
  const PictureSize canvas_;
  const bool center_;
  const PadColour colour_;
};

class Resize final : public Op {
 public:
  // `placement`: what becomes of the resized picture; null: nothing.
  Resize(const ResizeSize& size, Filter filter, PixelLibrary like, std::shared_ptr<const PlacementRule> placement)
      : size_(size), filter_(filter), like_(like), placement_(std::move(placement)) {}

  std::string_view name() const noexcept override { return "resize"; }

  Result<RowSpec> check(const RowSpec& input) const override {
    PYSERVER_RETURN_IF_ERROR(check_picture(input));
    const PictureSize picture = size_of_picture(input.shape);
    const Result<PictureSize> resized = picture.known() ? size_.of(picture) : Result<PictureSize>(resized_spec());
    if (!resized.ok()) return resized.status();
    const RowSpec spec{input.datatype, picture_shape(*resized, input.shape[2])};
    if (placement_ == nullptr) {
      PYSERVER_RETURN_IF_ERROR(check_sides("what comes out", *resized));
      return spec;
    }
    const Result<PictureSize> canvas = placement_->checked_canvas(spec);
    if (!canvas.ok()) return canvas.status();
    return RowSpec{input.datatype, picture_shape(*canvas, input.shape[2])};
  }

  Result<Shape> shape_for(const TensorView& input) const override {
    const Result<Plan> plan = plan_for(size_of_picture(input.shape));
    if (!plan.ok()) return plan.status();
    return picture_shape(plan->placement.canvas, input.shape[2]);
  }

  Status run(const TensorView& input, std::span<std::byte> output, RowContext& context) const override {
    const PictureSize picture = size_of_picture(input.shape);
    const Result<Plan> plan = plan_for(picture);
    if (!plan.ok()) return plan.status();
    const Placement& placement = plan->placement;
    const auto channels = static_cast<std::size_t>(input.shape[2]);
    const Resampling resampling = resampling_of({input.datatype, input.shape}, *plan);
    // The caller's own bytes may begin anywhere.
    const bool aligned = reinterpret_cast<std::uintptr_t>(input.bytes.data()) % size_of(input.datatype) == 0;
    const std::size_t own = resample_scratch_bytes(resampling);
    const std::size_t own_aligned = (own + 63) / 64 * 64;
    const std::size_t bytes = own_aligned + (aligned ? 0 : input.bytes.size());
    std::byte* const scratch = context.scratch(bytes);
    if (scratch == nullptr) return resource_exhausted(concat("no memory for ", bytes, " bytes"));
    const std::byte* source = input.bytes.data();
    if (!aligned) {
      std::memcpy(scratch + own_aligned, source, input.bytes.size());
      source = scratch + own_aligned;
    }
    if (placement_ != nullptr) {
      fill_margins(placement, placement_->colour(), input.datatype, channels, output);
    }
    resample(resampling, source, output.data() + window_start(placement, channels) * size_of(input.datatype),
             static_cast<std::size_t>(placement.canvas.width) * channels, scratch);
    move_geometry(context.geometry, picture, ratio(plan->resized.width, picture.width),
                  ratio(plan->resized.height, picture.height), placement);
    return {};
  }

  // Not of one that is placed on a canvas.
  std::optional<OpDescription> describe(const RowSpec& input) const override {
    const Result<Plan> plan = plan_for(size_of_picture(input.shape));
    if (placement_ != nullptr || !plan.ok()) return std::nullopt;
    return OpDescription{resampling_of(input, *plan)};
  }

  // Only what is kept of the resized picture is computed.
  std::unique_ptr<Op> fused_with(const Op& next) const override {
    const auto* const placing = dynamic_cast<const PlacementOp*>(&next);
    if (placing == nullptr || placement_ != nullptr) return nullptr;
    return std::make_unique<Resize>(size_, filter_, like_, placing->rule());
  }

 private:
  struct Plan {
    PictureSize resized;
    Placement placement;
  };

  static double ratio(std::int64_t to, std::int64_t from) {
    return static_cast<double>(to) / static_cast<double>(from);
  }

  Resampling resampling_of(const RowSpec& input, const Plan& plan) const {
    const PictureSize picture = size_of_picture(input.shape);
    const Placement& placement = plan.placement;
    return {.filter = filter_,
            .like = like_,
            .type = input.datatype == Datatype::kUint8 ? PixelType::kUint8 : PixelType::kFp32,
            .channels = input.shape[2],
            .source_width = picture.width,
            .source_height = picture.height,
            .target_width = plan.resized.width,
            .target_height = plan.resized.height,
            .left = placement.left,
            .top = placement.top,
            .width = placement.window.width,
            .height = placement.window.height};
  }

  // A letterbox's resized picture is smaller than its canvas by as much as its proportions differ.
  PictureSize resized_spec() const {
    return size_.mode == ResizeMode::kLetterbox ? PictureSize{kFreeDimension, kFreeDimension} : size_.known();
  }

  Result<Plan> plan_for(const PictureSize& picture) const {
    PYSERVER_RETURN_IF_ERROR(check_sides("the picture", picture));
    const Result<PictureSize> resized = size_.of(picture);
    if (!resized.ok()) return resized.status();
    if (placement_ == nullptr) return Plan{*resized, {.canvas = *resized, .window = *resized}};
    const Result<Placement> placement = placement_->checked_place(*resized);
    if (!placement.ok()) return placement.status();
    return Plan{*resized, *placement};
  }

  const ResizeSize size_;
  const Filter filter_;
  const PixelLibrary like_;
  const std::shared_ptr<const PlacementRule> placement_;
};

PixelLibrary read_like(OpOptions& options) {
  const std::string like = options.choice("like", {"pillow", "pillow_12", "opencv"});
  if (like == "opencv") return PixelLibrary::kOpenCv;
  return like == "pillow" ? PixelLibrary::kPillow : PixelLibrary::kPillow12;
}

Filter read_filter(OpOptions& options, PixelLibrary like) {
  const std::string filter = options.choice("filter", {"bilinear", "bicubic", "nearest", "area", "lanczos"});
  if (filter == "bicubic") return Filter::kBicubic;
  if (filter == "nearest") return Filter::kNearest;
  if (filter == "area") return Filter::kArea;
  if (filter != "lanczos") return Filter::kBilinear;
  if (like == PixelLibrary::kOpenCv) options.refuse("filter", "lanczos does not go with like: opencv");
  return Filter::kLanczos;
}

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  options.main_option("size");
  const ResizeSize size = ResizeSize::read(options);
  const PixelLibrary like = read_like(options);
  const Filter filter = read_filter(options, like);
  std::shared_ptr<const PlacementRule> placement;
  if (size.mode == ResizeMode::kLetterbox) {
    PadColour colour = PadColour::read(options, "pad_value");
    const bool center = options.choice("align", {"center", "top_left"}) == "center";
    placement = std::make_shared<Letterbox>(size.size, center, std::move(colour));
  }
  return std::unique_ptr<Op>(std::make_unique<Resize>(size, filter, like, std::move(placement)));
}

}  // namespace

OpEntry resize_op() {
  return {
      "resize", make,
      "A picture of another size. size: a side, or [height, width] of which one may be -1 to keep the proportions "
      "(needed). mode: exact (default); shorter_side (it becomes `size`); letterbox (fits into `size`; the rest is "
      "padded, with pad_value: a number, or one for each channel, default 0; align: center, default, or top_left); "
      "limit_min, limit_max (only if the shorter side is below, the longer above `size`). rounding of a side of -1: "
      "down (default), nearest, up. max_width of a width of -1 (default: none). multiple_of: what the sides are "
      "rounded to (default 1). filter: bilinear (default), bicubic, nearest, area, lanczos (not opencv). like: whose "
      "arithmetic, pillow (default, antialiased), pillow_12 (the order of passes up to Pillow 12) or opencv."};
}

}  // namespace pyserver
