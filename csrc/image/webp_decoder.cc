#include <webp/decode.h>

#include "base/text.h"
#include "image/byte_order.h"
#include "image/format_decoders.h"
#include "image/format_headers.h"

namespace pyserver {
namespace {

Status told(VP8StatusCode code, std::span<const std::byte> bytes) {
  switch (code) {
    case VP8_STATUS_OK: return {};
    case VP8_STATUS_OUT_OF_MEMORY: return resource_exhausted("no memory to decode a WebP");
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA: return truncated(PictureFormat::kWebp, bytes);
    case VP8_STATUS_UNSUPPORTED_FEATURE: return corrupt(PictureFormat::kWebp, "libwebp does not know its features");
    default: return corrupt(PictureFormat::kWebp, "libwebp does not understand its pixels");
  }
}

}  // namespace

// libwebp gives no gray.
std::size_t webp_scratch_bytes(const PictureInfo& info, PixelFormat format) noexcept {
  if (format != PixelFormat::kGray) return 0;
  return static_cast<std::size_t>(info.stored_width) * static_cast<std::size_t>(info.stored_height) * 3;
}

Status decode_webp(std::span<const std::byte> bytes, const PictureInfo& info, std::span<std::byte> scratch,
                   const Canvas& canvas) {
  // Without what may follow the picture, as the header was read.
  const std::span<const std::byte> file = bytes.first(little32(bytes, 4) + 8);
  const auto* const data = reinterpret_cast<const std::uint8_t*>(file.data());
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) return internal_error("libwebp is not the version it was built with");
  PYSERVER_RETURN_IF_ERROR(told(WebPGetFeatures(data, file.size(), &config.input), bytes));
  if (config.input.width != info.stored_width || config.input.height != info.stored_height) {
    return corrupt(info.format, "its picture has not the size that its header tells");
  }
  const bool gray = canvas.format == PixelFormat::kGray;
  std::uint8_t* const colours = gray ? reinterpret_cast<std::uint8_t*>(scratch.data()) : canvas.pixels;
  config.output.colorspace = canvas.format == PixelFormat::kBgr ? MODE_BGR : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {colours, static_cast<int>(canvas.width * 3), canvas.width * canvas.height * 3};
  const VP8StatusCode code = WebPDecode(data, file.size(), &config);
  WebPFreeDecBuffer(&config.output);
  PYSERVER_RETURN_IF_ERROR(told(code, bytes));
  if (gray) convert_rgb(colours, canvas.width * canvas.height, canvas.format, canvas.pixels);
  return {};
}

}  // namespace pyserver
