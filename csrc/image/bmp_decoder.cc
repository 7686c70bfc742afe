#include <algorithm>

#include "image/bmp_header.h"
#include "image/byte_order.h"
#include "image/format_decoders.h"
#include "image/format_headers.h"

namespace pyserver {
namespace {

// The file's rows count from the lowest, unless it says otherwise.
std::uint8_t* canvas_row(const Canvas& canvas, const BmpHeader& header, std::size_t y) noexcept {
  return canvas.row(header.top_down ? y : canvas.height - 1 - y);
}

void convert_packed_indices(std::span<const std::byte> row, const BmpHeader& header, const Canvas& canvas,
                            std::uint8_t* to) noexcept {
  const auto bits = static_cast<std::size_t>(header.bits);
  const std::size_t per_byte = 8 / bits;
  const std::uint32_t mask = (1U << bits) - 1;
  for (std::size_t x = 0; x < canvas.width; ++x) {
    const std::uint32_t byte = byte_at(row, x / per_byte);
    const Rgb& colour = header.palette[byte >> (8 - bits * (x % per_byte + 1)) & mask];
    write_rgb(colour[0], colour[1], colour[2], canvas.format, to + x * channels_of(canvas.format));
  }
}

// Five or six bits become eight by v * 255 / 31 or 63, rounded down, as Pillow's Unpack.c does.
void convert_16_bits(std::span<const std::byte> row, const BmpHeader& header, const Canvas& canvas,
                     std::uint8_t* to) noexcept {
  const std::uint32_t greens = header.red_shift == 11 ? 63 : 31;
  for (std::size_t x = 0; x < canvas.width; ++x) {
    const std::uint32_t pixel = little16(row, 2 * x);
    write_rgb((pixel >> header.red_shift & 31) * 255 / 31, (pixel >> 5 & greens) * 255 / greens,
              (pixel & 31) * 255 / 31, canvas.format, to + x * channels_of(canvas.format));
  }
}

Status decode_raw(std::span<const std::byte> bytes, const BmpHeader& header, const Canvas& canvas) {
  const std::size_t stride = header.row_stride();
  // The padding of the last row may be missing.
  const std::size_t needed = (canvas.height - 1) * stride + header.row_bytes();
  if (header.offset > bytes.size() || bytes.size() - header.offset < needed) {
    return truncated(PictureFormat::kBmp, bytes);
  }
  for (std::size_t y = 0; y < canvas.height; ++y) {
    const std::span<const std::byte> row = bytes.subspan(header.offset + y * stride, header.row_bytes());
    std::uint8_t* const to = canvas_row(canvas, header, y);
    if (header.bits <= 8) {
      convert_packed_indices(row, header, canvas, to);
    } else if (header.bits == 16) {
      convert_16_bits(row, header, canvas, to);
    } else {
      convert_bytes(reinterpret_cast<const std::uint8_t*>(row.data()), canvas.width,
                    static_cast<std::size_t>(header.bits / 8), header.places, canvas.format, to);
    }
  }
  return {};
}

// Pixels of a run-length encoded picture, one after another in the file's order.
class RunWriter {
 public:
  RunWriter(const BmpHeader& header, const Canvas& canvas) : header_(header), canvas_(canvas) {}

  std::size_t left() const noexcept { return canvas_.width * canvas_.height - written_; }
  // How many pixels the row that is being written still takes.
  std::size_t left_in_row() const noexcept { return canvas_.width - written_ % canvas_.width; }
  bool at_row_begin() const noexcept { return written_ % canvas_.width == 0; }

  // What goes beyond the picture is dropped.
  void put(std::uint32_t index) noexcept {
    if (left() == 0) return;
    const Rgb& colour = header_.palette[index];
    std::uint8_t* const row = canvas_row(canvas_, header_, written_ / canvas_.width);
    std::uint8_t* const to = row + written_ % canvas_.width * channels_of(canvas_.format);
    write_rgb(colour[0], colour[1], colour[2], canvas_.format, to);
    ++written_;
  }
  void skip(std::size_t pixels) noexcept {
    for (std::size_t count = std::min(pixels, left()); count > 0; --count) put(0);
  }

 private:
  const BmpHeader& header_;
  const Canvas& canvas_;
  std::size_t written_ = 0;
};

// Pixels that stand for themselves. Pixel `index` of them, in bytes that hold one or two.
std::uint32_t literal(std::span<const std::byte> bytes, std::size_t index, bool four_bits) noexcept {
  if (!four_bits) return byte_at(bytes, index);
  return index % 2 == 0 ? byte_at(bytes, index / 2) >> 4 : byte_at(bytes, index / 2) & 15;
}

// As Pillow's BmpRleDecoder reads it: a run does not go beyond its row, a skipped pixel is the palette's first.
Status decode_runs(std::span<const std::byte> bytes, const BmpHeader& header, const Canvas& canvas) {
  const bool four_bits = header.packing == BmpHeader::Packing::kRle4;
  RunWriter writer(header, canvas);
  std::size_t at = header.offset;
  const auto has = [&](std::size_t count) { return at <= bytes.size() && bytes.size() - at >= count; };
  // Where in its row the file believes to be, which literals may move beyond the end.
  std::size_t x = 0;
  while (writer.left() > 0) {
    if (!has(2)) return truncated(PictureFormat::kBmp, bytes);
    const std::size_t count = byte_at(bytes, at);
    const std::uint32_t value = byte_at(bytes, at + 1);
    at += 2;
    if (count > 0) {
      const std::size_t fits = x < canvas.width ? std::min(count, canvas.width - x) : 0;
      for (std::size_t index = 0; index < fits; ++index) {
        writer.put(!four_bits ? value : index % 2 == 0 ? value >> 4 : value & 15);
      }
      x += fits;
    } else if (value == 0) {  // the row's end
      if (!writer.at_row_begin()) writer.skip(writer.left_in_row());
      x = 0;
    } else if (value == 1) {  // the picture's end
      return truncated(PictureFormat::kBmp, bytes);
    } else if (value == 2) {  // a jump
      if (!has(2)) return truncated(PictureFormat::kBmp, bytes);
      writer.skip(byte_at(bytes, at) + byte_at(bytes, at + 1) * canvas.width);
      x = canvas.width - writer.left_in_row();
      at += 2;
    } else {
      const std::size_t pixels = std::min<std::size_t>(writer.left(), value);
      const std::size_t held = four_bits ? (pixels + 1) / 2 : pixels;
      if (!has(held)) return truncated(PictureFormat::kBmp, bytes);
      for (std::size_t index = 0; index < pixels; ++index) {
        writer.put(literal(bytes.subspan(at, held), index, four_bits));
      }
      x += value;
      at += held + (at + held) % 2;  // each group begins at an even place of the file
    }
  }
  return {};
}

}  // namespace

Status decode_bmp(std::span<const std::byte> bytes, const Canvas& canvas) {
  const Result<BmpHeader> header = parse_bmp_header(bytes);
  if (!header.ok()) return header.status();
  if (header->packing == BmpHeader::Packing::kRaw) return decode_raw(bytes, *header, canvas);
  return decode_runs(bytes, *header, canvas);
}

}  // namespace pyserver
