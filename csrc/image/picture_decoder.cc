#include "image/picture_decoder.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "image/format_decoders.h"
#include "image/orientation.h"

namespace pyserver {
namespace {

// As Pillow's JpegImageFile.draft() chooses: the most that leaves `wanted` pixels along the shorter side's scale.
int reduction_for(const PictureInfo& info, std::int64_t wanted) noexcept {
  const std::int64_t scale = std::min(info.stored_width / wanted, info.stored_height / wanted);
  for (const int divisor : {8, 4, 2}) {
    if (scale >= divisor) return divisor;
  }
  return 1;
}

std::size_t decoder_scratch(std::span<const std::byte> bytes, const PictureInfo& info, PixelFormat format) noexcept {
  switch (info.format) {
    case PictureFormat::kPng: return png_scratch_bytes(bytes, info, format);
    case PictureFormat::kWebp: return webp_scratch_bytes(info, format);
    case PictureFormat::kJpeg:
    case PictureFormat::kBmp: break;
  }
  return 0;
}

Status decode_stored(std::span<const std::byte> bytes, const DecodePlan& plan, std::span<std::byte> scratch,
                     const Canvas& canvas) {
  switch (plan.info.format) {
    case PictureFormat::kJpeg: return decode_jpeg(bytes, plan.info, {plan.reduction, plan.draft}, canvas);
    case PictureFormat::kPng: return decode_png(bytes, plan.info, scratch, canvas);
    case PictureFormat::kWebp: return decode_webp(bytes, plan.info, scratch, canvas);
    case PictureFormat::kBmp: return decode_bmp(bytes, canvas);
  }
  return internal_error("a picture of no format");
}

}  // namespace

Result<DecodePlan> plan_decode(std::span<const std::byte> bytes, const DecodeOptions& options) {
  Result<PictureInfo> info = read_header(bytes);
  if (!info.ok()) return info.status();
  // Neither side exceeds kMaxPictureSide, so this does not overflow, nor does anything below.
  if (info->stored_width * info->stored_height > options.max_pixels) {
    return invalid_argument(concat("the ", name_of(info->format), " has ", info->width(), "x", info->height(),
                                   " pixels: expected at most ", options.max_pixels, " in all"));
  }
  if (info->animated && info->format == PictureFormat::kWebp) {
    return invalid_argument("expected one picture, got an animated WebP");
  }
  if (!options.apply_orientation) info->orientation = 1;
  DecodePlan plan{.info = *info, .format = options.format};
  plan.draft = options.draft > 0 && info->format == PictureFormat::kJpeg;
  if (plan.draft) plan.reduction = reduction_for(*info, options.draft);
  plan.width = (info->width() + plan.reduction - 1) / plan.reduction;
  plan.height = (info->height() + plan.reduction - 1) / plan.reduction;
  plan.output_bytes =
      static_cast<std::size_t>(plan.width) * static_cast<std::size_t>(plan.height) * channels_of(options.format);
  // A picture that is to be turned is decoded into scratch first.
  plan.scratch_bytes = decoder_scratch(bytes, *info, options.format) + (info->orientation == 1 ? 0 : plan.output_bytes);
  return plan;
}

Status decode(std::span<const std::byte> bytes, const DecodePlan& plan, std::span<std::byte> scratch,
              std::span<std::byte> output) {
  if (scratch.size() < plan.scratch_bytes || output.size() != plan.output_bytes) {
    return internal_error("memory for a picture is not of the planned size");
  }
  const bool turned = plan.info.orientation != 1;
  const bool exchanged = plan.info.orientation >= 5;
  const auto width = static_cast<std::size_t>(exchanged ? plan.height : plan.width);
  const auto height = static_cast<std::size_t>(exchanged ? plan.width : plan.height);
  auto* const result = reinterpret_cast<std::uint8_t*>(output.data());
  if (!turned) return decode_stored(bytes, plan, scratch, {result, width, height, plan.format});
  auto* const stored = reinterpret_cast<std::uint8_t*>(scratch.data());
  const Canvas canvas{stored, width, height, plan.format};
  PYSERVER_RETURN_IF_ERROR(decode_stored(bytes, plan, scratch.subspan(plan.output_bytes), canvas));
  apply_orientation(stored, width, height, channels_of(plan.format), plan.info.orientation, result);
  return {};
}

}  // namespace pyserver
