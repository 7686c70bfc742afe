// decode_image: an encoded picture becomes its pixels.
#include "base/text.h"
#include "image/picture_decoder.h"
#include "ops/op_registry.h"

namespace pyserver {
namespace {

std::span<const std::byte> file_of(const TensorView& input) noexcept {
  std::span<const std::byte> contents = input.bytes;
  return take_bytes_element(contents);
}

class DecodeImage final : public Op {
 public:
  explicit DecodeImage(const DecodeOptions& options) : options_(options) {}

  std::string_view name() const noexcept override { return "decode_image"; }

  Result<RowSpec> check(const RowSpec& input) const override {
    if (input.datatype != Datatype::kBytes || input.shape.rank() != 0) {
      return invalid_argument(concat("expected an encoded picture of BYTES [], got ", to_string(input)));
    }
    return RowSpec{Datatype::kUint8, {kFreeDimension, kFreeDimension, channels()}};
  }

  // Reads the header only.
  Result<Shape> shape_for(const TensorView& input) const override {
    const Result<DecodePlan> plan = plan_decode(file_of(input), options_);
    if (!plan.ok()) return plan.status();
    return Shape{plan->height, plan->width, channels()};
  }

  Status run(const TensorView& input, std::span<std::byte> output, RowContext& context) const override {
    const std::span<const std::byte> file = file_of(input);
    const Result<DecodePlan> plan = plan_decode(file, options_);
    if (!plan.ok()) return plan.status();
    std::byte* const scratch = plan->scratch_bytes == 0 ? nullptr : context.scratch(plan->scratch_bytes);
    if (scratch == nullptr && plan->scratch_bytes > 0) {
      return resource_exhausted(concat("no memory for ", plan->scratch_bytes, " bytes"));
    }
    PYSERVER_RETURN_IF_ERROR(decode(file, *plan, {scratch, plan->scratch_bytes}, output));
    context.geometry = {.source_width = plan->info.width(), .source_height = plan->info.height()};
    context.geometry.scale_x = context.geometry.scale_y = 1.0 / plan->reduction;
    return {};
  }

 private:
  std::int64_t channels() const noexcept { return static_cast<std::int64_t>(channels_of(options_.format)); }

  const DecodeOptions options_;
};

Result<std::unique_ptr<Op>> make(OpOptions& options) {
  options.main_option("color");
  DecodeOptions decode;
  const std::string color = options.choice("color", {"RGB", "BGR", "GRAY"});
  decode.format = color == "RGB" ? PixelFormat::kRgb : color == "BGR" ? PixelFormat::kBgr : PixelFormat::kGray;
  decode.apply_orientation = options.flag("exif", true);
  decode.max_pixels = options.integer("max_pixels", decode.max_pixels, 1, kMaxPictureSide * kMaxPictureSide);
  decode.draft = options.integer("draft", 0, 0, kMaxPictureSide);
  return std::unique_ptr<Op>(std::make_unique<DecodeImage>(decode));
}

}  // namespace

OpEntry decode_image_op() {
  return {"decode_image", make,
          "A JPEG, PNG, WebP or BMP becomes pixels, those of Pillow. color: RGB (default), BGR or GRAY. exif: whether "
          "the picture is turned as its metadata says (true). max_pixels: the most it may have (89478485). draft: "
          "decode a JPEG at 1/2, 1/4 or 1/8, as long as each side keeps this many pixels (0: never)."};
}

}  // namespace pyserver
