// Whatever bytes come as a picture: nothing is read or written out of bounds, no decoder takes more memory than it
// states, what the header promises is what is decoded, and what is refused is refused with a sentence.
#include <zlib.h>

#include <vector>

#include "fuzz/agreement.h"
#include "image/byte_order.h"
#include "image/picture_decoder.h"

namespace pyserver::fuzz {
namespace {

// Small enough that a run is short; -rss_limit_mb checks what the decoders take beside what they are given.
constexpr std::int64_t kMaxPixels = 1 << 18;

void check_refusal(const Status& status) {
  require(status.code() == StatusCode::kInvalidArgument, "code of a refusal");
  require(!status.message().empty(), "a refusal has a sentence");
}

// The first byte chooses the options, the others are the file.
int run(std::span<const std::byte> bytes) {
  if (bytes.empty()) return 0;
  const auto choice = std::to_integer<unsigned>(bytes[0]);
  const std::span<const std::byte> file = bytes.subspan(1);
  DecodeOptions options{.max_pixels = kMaxPixels};
  options.format = static_cast<PixelFormat>(choice % 3);
  options.apply_orientation = (choice & 0x40) != 0;
  options.draft = (choice & 0x80) != 0 ? 16 : 0;
  const Result<DecodePlan> plan = plan_decode(file, options);
  if (!plan.ok()) {
    check_refusal(plan.status());
    return 0;
  }
  const PictureInfo& info = plan->info;
  require(info.stored_width * info.stored_height <= kMaxPixels, "the limit is kept");
  require(info.orientation >= 1 && info.orientation <= 8, "orientation");
  const auto pixels = static_cast<std::size_t>(plan->width * plan->height);
  require(plan->output_bytes == pixels * channels_of(options.format), "bytes of what comes out");
  require(plan->scratch_bytes <= plan->output_bytes + pixels * 3, "bytes of scratch");
  // Each its own block, so that a byte too far is seen; and filled, so that a byte that is never written is too.
  std::vector<std::byte> scratch(plan->scratch_bytes, std::byte{0xA5});
  std::vector<std::byte> output(plan->output_bytes, std::byte{0x5A});
  std::vector<std::byte> again(plan->output_bytes, std::byte{0xA5});
  const Status status = decode(file, *plan, scratch, output);
  const Status second = decode(file, *plan, scratch, again);
  require(status == second, "the outcome is the same again");
  if (!status.ok()) {
    check_refusal(status);
  } else {
    require(output == again, "every pixel is written, and is the same again");
  }
  return 0;
}

void put_big32(std::uint8_t* at, std::uint32_t number) {
  for (int index = 0; index < 4; ++index) at[index] = static_cast<std::uint8_t>(number >> (24 - 8 * index));
}

// Makes the checksums of a PNG right, without which no change to it would get past the first one.
void repair_png(std::span<std::uint8_t> file) {
  const std::span<const std::byte> bytes = std::as_bytes(file);
  if (!as_text(bytes).starts_with("\x89PNG\r\n\x1a\n")) return;
  for (std::size_t at = 8; file.size() - at >= 12;) {
    const std::size_t length = big32(bytes, at);
    if (length > file.size() - at - 12) return;
    const auto checksum = crc32(0, file.data() + at + 4, static_cast<uInt>(length + 4));
    put_big32(file.data() + at + 8 + length, static_cast<std::uint32_t>(checksum));
    at += 12 + length;
  }
}

}  // namespace
}  // namespace pyserver::fuzz

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  // Now and then the checksums stay wrong.
  if (size > 1 && seed % 16 != 0) pyserver::fuzz::repair_png({data + 1, size - 1});
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pyserver::fuzz::run({reinterpret_cast<const std::byte*>(data), size});
}
