#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "base/text.h"
#include "image/byte_order.h"
#include "image/format_decoders.h"
#include "image/format_headers.h"

namespace pyserver {
namespace {

// What libpng is asked to give. It drops alpha and the lower half of 16 bits, and unpacks smaller ones to bytes.
struct PngLayout {
  bool palette;
  bool interlaced;
  // 3: colours. 1: gray, or an index of the palette.
  std::size_t pixel_bytes;
  // Whether these are the pixels that are wanted, so that libpng may write them where they belong.
  bool straight;
};

// IHDR is at its place: the header was read.
PngLayout layout_of(std::span<const std::byte> bytes, PixelFormat format) noexcept {
  constexpr std::size_t kColourTypeAt = 25, kInterlacingAt = 28;
  const std::uint32_t colour_type = byte_at(bytes, kColourTypeAt);
  PngLayout layout{};
  layout.palette = colour_type == PNG_COLOR_TYPE_PALETTE;
  layout.interlaced = byte_at(bytes, kInterlacingAt) != 0;
  layout.pixel_bytes = (colour_type & PNG_COLOR_MASK_COLOR) != 0 && !layout.palette ? 3 : 1;
  layout.straight = !layout.palette && layout.pixel_bytes == channels_of(format);
  return layout;
}

struct Reader {
  std::span<const std::byte> left;
  bool truncated = false;
  char text[128] = "";
};

[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  auto& reader = *static_cast<Reader*>(png_get_error_ptr(png));
  std::snprintf(reader.text, sizeof reader.text, "%s", text);
  png_longjmp(png, 1);
}

void ignore_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep target, std::size_t count) {
  auto& reader = *static_cast<Reader*>(png_get_io_ptr(png));
  if (count > reader.left.size()) {
    reader.truncated = true;
    png_error(png, "truncated");
  }
  std::memcpy(target, reader.left.data(), count);
  reader.left = reader.left.subspan(count);
}

void set_limits(png_structp png) {
  png_set_user_limits(png, static_cast<png_uint_32>(kMaxPictureSide), static_cast<png_uint_32>(kMaxPictureSide));
  // No chunk but header, palette and pixels is of interest.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_set_chunk_cache_max(png, 16);
  png_set_chunk_malloc_max(png, 1 << 20);
  // A wrong checksum is a corrupt file, wherever it is.
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
}

void read_palette(png_structp png, png_infop info, Palette& palette) {
  png_colorp colours = nullptr;
  int count = 0;
  png_get_PLTE(png, info, &colours, &count);
  for (int index = 0; index < std::min(count, 256); ++index) {
    const png_color& colour = colours[index];
    palette[static_cast<std::size_t>(index)] = {colour.red, colour.green, colour.blue};
  }
}

// libpng leaves it by a jump, so nothing in it may need its destructor. `rows`: the whole picture's where it is
// interlaced and not straight, else one. False where the picture has not the size that the header tells.
bool decode_or_jump(png_structp png, png_infop info, const PngLayout& layout, const Canvas& canvas, std::uint8_t* rows,
                    Palette& palette) {
  png_read_info(png, info);
  if (png_get_image_width(png, info) != canvas.width || png_get_image_height(png, info) != canvas.height) return false;
  if (png_get_bit_depth(png, info) == 16) png_set_strip_16(png);
  if (layout.palette) {
    read_palette(png, info, palette);
    png_set_packing(png);
  } else if (png_get_bit_depth(png, info) < 8) {
    png_set_expand_gray_1_2_4_to_8(png);
  }
  png_set_strip_alpha(png);
  if (layout.straight && canvas.format == PixelFormat::kBgr) png_set_bgr(png);
  const int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  const std::size_t row_bytes = canvas.width * layout.pixel_bytes;
  if (png_get_rowbytes(png, info) != row_bytes) return false;
  for (int pass = 0; pass < passes; ++pass) {
    for (std::size_t y = 0; y < canvas.height; ++y) {
      std::uint8_t* const row = layout.straight ? canvas.row(y) : rows + (layout.interlaced ? y * row_bytes : 0);
      png_read_row(png, row, nullptr);
      if (layout.straight || pass + 1 < passes) continue;
      if (layout.palette) {
        convert_indices(row, canvas.width, palette, canvas.format, canvas.row(y));
      } else if (layout.pixel_bytes == 1) {
        convert_gray(row, canvas.width, canvas.format, canvas.row(y));
      } else {
        convert_rgb(row, canvas.width, canvas.format, canvas.row(y));
      }
    }
  }
  return true;
}

}  // namespace

// The passes of an interlaced picture need all its rows.
std::size_t png_scratch_bytes(std::span<const std::byte> bytes, const PictureInfo& info, PixelFormat format) noexcept {
  const PngLayout layout = layout_of(bytes, format);
  if (layout.straight) return 0;
  const std::size_t rows = layout.interlaced ? static_cast<std::size_t>(info.stored_height) : 1;
  return rows * static_cast<std::size_t>(info.stored_width) * layout.pixel_bytes;
}

Status decode_png(std::span<const std::byte> bytes, const PictureInfo& info, std::span<std::byte> scratch,
                  const Canvas& canvas) {
  const PngLayout layout = layout_of(bytes, canvas.format);
  Palette palette{};
  Reader reader{bytes};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, ignore_warning);
  png_infop png_info = png == nullptr ? nullptr : png_create_info_struct(png);
  if (png_info == nullptr) {
    png_destroy_read_struct(&png, nullptr, nullptr);
    return resource_exhausted("no memory to decode a PNG");
  }
  if (setjmp(png_jmpbuf(png)) != 0) {
    png_destroy_read_struct(&png, &png_info, nullptr);
    return reader.truncated ? truncated(info.format, bytes) : corrupt(info.format, reader.text);
  }
  set_limits(png);
  png_set_read_fn(png, &reader, on_read);
  const bool fits =
      decode_or_jump(png, png_info, layout, canvas, reinterpret_cast<std::uint8_t*>(scratch.data()), palette);
  png_destroy_read_struct(&png, &png_info, nullptr);
  return fits ? Status() : corrupt(info.format, "its picture has not the size that its header tells");
}

}  // namespace pyserver
