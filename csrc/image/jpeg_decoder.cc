#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "image/format_decoders.h"
#include "image/format_headers.h"

// Includes nothing that it needs, and says what jerror.h contains: so they come last, in this order.
#include <jpeglib.h>

#include <jerror.h>

namespace pyserver {
namespace {

// A picture of many scans takes the time of as many pictures. Encoders write about ten.
constexpr int kMaxScans = 100;
// For libjpeg's own tables and rows, and for the coefficients of a progressive file: two bytes for each of at most four
// channels, and as much again where sides are rounded up to whole blocks.
constexpr long kMemoryBytes = 32L << 20;
constexpr long kMemoryBytesPerPixel = 16;
constexpr std::size_t kRowsAtOnce = 8;

// Bytes from one row to the next where libjpeg's pixels are not yet what is wanted. libjpeg writes an aligned row past
// the cache, from where it would have to come back at once: so the rows begin one byte off.
constexpr std::size_t kRowAlignment = 64;
std::size_t row_stride(std::size_t width) noexcept { return (width * 4 / kRowAlignment + 1) * kRowAlignment; }
std::uint8_t* unaligned_row(std::uint8_t* rows, std::size_t index, std::size_t width) noexcept {
  const auto misalignment = reinterpret_cast<std::uintptr_t>(rows) % kRowAlignment;
  return rows + (kRowAlignment - misalignment + 1) + index * row_stride(width);
}

struct ErrorManager {
  jpeg_error_mgr base;
  std::jmp_buf escape;
  char text[JMSG_LENGTH_MAX];
};

// The cast is libjpeg's way to give its callbacks something of ours.
ErrorManager& errors_of(j_common_ptr common) { return *reinterpret_cast<ErrorManager*>(common->err); }

[[noreturn]] void leave(j_common_ptr common) {
  ErrorManager& errors = errors_of(common);
  errors.base.format_message(common, errors.text);
  std::longjmp(errors.escape, 1);
}

// Warnings after which libjpeg goes on with pixels that it made up. The others, such as a few bytes too much between
// segments, are harmless and common.
bool loses_pixels(int warning) noexcept {
  switch (warning) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
    case JWRN_NOT_SEQUENTIAL: return true;
    default: return false;
  }
}

void on_message(j_common_ptr common, int level) {
  if (level < 0 && loses_pixels(common->err->msg_code)) leave(common);
}

void ignore_message(j_common_ptr) {}

void on_progress(j_common_ptr common) {
  const auto* const decompress = reinterpret_cast<j_decompress_ptr>(common);
  if (decompress->input_scan_number <= kMaxScans) return;
  ErrorManager& errors = errors_of(common);
  std::snprintf(errors.text, sizeof errors.text, "it has more than %d scans", kMaxScans);
  std::longjmp(errors.escape, 1);
}

// The file is in memory as a whole: where libjpeg asks for more, it is truncated. Answering FALSE makes libjpeg return
// early, whereas its own source in memory would make up an end.
void nothing_to_do(j_decompress_ptr) {}
boolean no_more_input(j_decompress_ptr) { return FALSE; }
void skip_input(j_decompress_ptr decompress, long count) {
  jpeg_source_mgr& source = *decompress->src;
  const std::size_t skipped = std::min(source.bytes_in_buffer, static_cast<std::size_t>(std::max(count, 0L)));
  source.next_input_byte += skipped;
  source.bytes_in_buffer -= skipped;
}

jpeg_source_mgr source_of(std::span<const std::byte> bytes) {
  jpeg_source_mgr source{};
  source.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
  source.bytes_in_buffer = bytes.size();
  source.init_source = nothing_to_do;
  source.fill_input_buffer = no_more_input;
  source.skip_input_data = skip_input;
  source.resync_to_restart = jpeg_resync_to_restart;
  source.term_source = nothing_to_do;
  return source;
}

// What libjpeg gives, and what is left to do with it.
enum class Left { kNothing, kColours, kInk };

Left choose_colours(jpeg_decompress_struct& decompress, const Canvas& canvas, bool own_luma) {
  if (decompress.num_components == 4) {
    decompress.out_color_space = JCS_CMYK;
    return Left::kInk;
  }
  if (canvas.format == PixelFormat::kGray && (decompress.num_components == 1 || own_luma)) {
    decompress.out_color_space = JCS_GRAYSCALE;
    return Left::kNothing;
  }
  decompress.out_color_space = canvas.format == PixelFormat::kBgr ? JCS_EXT_BGR : JCS_EXT_RGB;
  return canvas.format == PixelFormat::kGray ? Left::kColours : Left::kNothing;
}

enum class Outcome { kDecoded, kTruncated, kOtherSize };

// libjpeg leaves it by a jump, so nothing in it may need its destructor. `rows` has room for
// kRowsAtOnce unaligned rows.
Outcome decode_or_jump(jpeg_decompress_struct& decompress, const PictureInfo& info, const JpegReduction& reduction,
                       const Canvas& canvas, std::uint8_t* rows) {
  if (jpeg_read_header(&decompress, TRUE) == JPEG_SUSPENDED) return Outcome::kTruncated;
  if (decompress.image_width != info.stored_width || decompress.image_height != info.stored_height ||
      decompress.num_components != info.channels) {
    return Outcome::kOtherSize;
  }
  const Left left = choose_colours(decompress, canvas, reduction.own_luma);
  decompress.scale_num = 1;
  decompress.scale_denom = static_cast<unsigned>(reduction.divisor);
  if (!jpeg_start_decompress(&decompress)) return Outcome::kTruncated;
  if (decompress.output_width != canvas.width || decompress.output_height != canvas.height) return Outcome::kOtherSize;
  while (decompress.output_scanline < decompress.output_height) {
    const std::size_t y = decompress.output_scanline;
    const std::size_t wanted = std::min(kRowsAtOnce, canvas.height - y);
    std::array<JSAMPROW, kRowsAtOnce> targets;
    for (std::size_t index = 0; index < wanted; ++index) {
      targets[index] = left == Left::kNothing ? canvas.row(y + index) : unaligned_row(rows, index, canvas.width);
    }
    const std::size_t got = jpeg_read_scanlines(&decompress, targets.data(), static_cast<JDIMENSION>(wanted));
    if (got == 0) return Outcome::kTruncated;
    for (std::size_t index = 0; index < got; ++index) {
      std::uint8_t* const to = canvas.row(y + index);
      if (left == Left::kColours) convert_rgb(targets[index], canvas.width, canvas.format, to);
      if (left == Left::kInk) convert_inverted_cmyk(targets[index], canvas.width, canvas.format, to);
    }
  }
  // Every pixel is there: that the end of the file may be missing does not matter, as for Pillow.
  static_cast<void>(jpeg_finish_decompress(&decompress));
  return Outcome::kDecoded;
}

}  // namespace

Status decode_jpeg(std::span<const std::byte> bytes, const PictureInfo& info, const JpegReduction& reduction,
                   const Canvas& canvas) {
  std::vector<std::uint8_t> rows((kRowsAtOnce + 2) * row_stride(canvas.width));
  jpeg_source_mgr source = source_of(bytes);
  jpeg_progress_mgr progress{};
  progress.progress_monitor = on_progress;
  ErrorManager errors;
  jpeg_decompress_struct decompress;
  decompress.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = leave;
  errors.base.emit_message = on_message;
  errors.base.output_message = ignore_message;
  errors.text[0] = '\0';
  if (setjmp(errors.escape) != 0) {
    const bool memory = errors.base.msg_code == JERR_OUT_OF_MEMORY || errors.base.msg_code == JERR_NO_BACKING_STORE;
    jpeg_destroy_decompress(&decompress);
    if (memory) return resource_exhausted("no memory to decode a JPEG");
    return corrupt(info.format, errors.text);
  }
  jpeg_create_decompress(&decompress);
  decompress.mem->max_memory_to_use =
      kMemoryBytes + kMemoryBytesPerPixel * static_cast<long>(info.stored_width * info.stored_height);
  decompress.src = &source;
  decompress.progress = &progress;
  const Outcome outcome = decode_or_jump(decompress, info, reduction, canvas, rows.data());
  jpeg_destroy_decompress(&decompress);
  switch (outcome) {
    case Outcome::kDecoded: return {};
    case Outcome::kTruncated: return truncated(info.format, bytes);
    case Outcome::kOtherSize: break;
  }
  return corrupt(info.format, "its picture has not the size that its header tells");
}

}  // namespace pyserver
