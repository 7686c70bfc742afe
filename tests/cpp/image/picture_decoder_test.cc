#include "image/picture_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "image/orientation.h"
#include "image/sample_files.h"

namespace pyserver {
namespace {

Result<std::vector<std::byte>> decoded(std::span<const std::byte> file, const DecodeOptions& options = {}) {
  const Result<DecodePlan> plan = plan_decode(file, options);
  if (!plan.ok()) return plan.status();
  std::vector<std::byte> scratch(plan->scratch_bytes);
  std::vector<std::byte> output(plan->output_bytes);
  if (Status status = decode(file, *plan, scratch, output); !status.ok()) return status;
  return output;
}

TEST(PictureDecoderTest, LosslessFormatsGiveThePixelsThatWentIn) {
  const std::vector<std::uint8_t> pixels = sample_pixels();
  for (const auto& [name, file] : sample_files()) {
    const auto rgb = decoded(file);
    const auto bgr = decoded(file, {.format = PixelFormat::kBgr});
    const auto gray = decoded(file, {.format = PixelFormat::kGray});
    ASSERT_TRUE(rgb.ok() && bgr.ok() && gray.ok()) << name;
    if (name != "JPEG") {
      EXPECT_EQ(std::memcmp(rgb->data(), pixels.data(), pixels.size()), 0) << name;
    }
    for (std::size_t pixel = 0; pixel < gray->size(); ++pixel) {
      const auto at = [&rgb, pixel](std::size_t channel) {
        return std::to_integer<unsigned>((*rgb)[pixel * 3 + channel]);
      };
      EXPECT_EQ((*bgr)[pixel * 3], (*rgb)[pixel * 3 + 2]);
      EXPECT_EQ((*bgr)[pixel * 3 + 2], (*rgb)[pixel * 3]);
      EXPECT_EQ(std::to_integer<unsigned>((*gray)[pixel]),
                (at(0) * 19595 + at(1) * 38470 + at(2) * 7471 + 0x8000) >> 16);
    }
  }
}

TEST(PictureDecoderTest, EveryBeginOfAFileIsRefusedOrHasAllPixels) {
  for (const auto& [name, file] : sample_files()) {
    const auto whole = decoded(file);
    ASSERT_TRUE(whole.ok());
    for (std::size_t size = 0; size < file.size(); ++size) {
      const File begin(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
      const auto part = decoded(begin);
      if (part.ok()) {
        EXPECT_EQ(*part, *whole) << name << " " << size;
      } else {
        EXPECT_EQ(part.status().code(), StatusCode::kInvalidArgument) << name << " " << size;
      }
    }
  }
}

TEST(PictureDecoderTest, EveryByteMayBeWrong) {
  for (const auto& [name, file] : sample_files()) {
    for (std::size_t at = 0; at < file.size(); ++at) {
      for (const int value : {0x00, 0x7F, 0x80, 0xFF}) {
        File changed = file;
        changed[at] = static_cast<std::byte>(value);
        const auto result = decoded(changed, {.max_pixels = 1 << 20});
        if (!result.ok()) {
          EXPECT_EQ(result.status().code(), StatusCode::kInvalidArgument) << name << " " << at;
          EXPECT_FALSE(result.status().message().empty());
        }
      }
    }
  }
}

TEST(PictureDecoderTest, ATruncatedFileSaysHowMuchCame) {
  const File file = sample_jpeg();
  EXPECT_EQ(decoded(std::span(file).first(file.size() / 2)).status(),
            invalid_argument("the JPEG is truncated: " + std::to_string(file.size() / 2) + " bytes came"));
}

TEST(PictureDecoderTest, TooManyPixelsAreRefusedByTheHeader) {
  const File bomb = bmp_header(10'000, 10'000);
  EXPECT_EQ(plan_decode(bomb, {}).status(),
            invalid_argument("the BMP has 10000x10000 pixels: expected at most 89478485 in all"));
  EXPECT_TRUE(plan_decode(bomb, {.max_pixels = 100'000'000}).ok());
}

TEST(PictureDecoderTest, AJpegOfTooManyScansIsRefused) {
  EXPECT_EQ(decoded(jpeg_of_many_scans()).status(),
            invalid_argument("the JPEG is corrupt: it has more than 100 scans"));
}

TEST(PictureDecoderTest, APngWithAWrongChecksumIsRefused) {
  File file = sample_png();
  file[30] ^= std::byte{1};  // of its header
  EXPECT_EQ(decoded(file).status(), invalid_argument("the PNG is corrupt: IHDR: CRC error"));
}

TEST(PictureDecoderTest, ADraftIsTheSmallestThatKeepsTheWantedPixels) {
  File file = bmp_header(800, 600);
  const auto bmp = plan_decode(file, {.draft = 100});
  EXPECT_EQ(bmp->reduction, 1) << "only JPEG can";
  const auto jpeg = plan_decode(sample_jpeg(), {.draft = 1});
  EXPECT_EQ(jpeg->reduction, 2) << "5x3 pixels can be halved and keep one";
  EXPECT_EQ(jpeg->width, 3);
  EXPECT_EQ(jpeg->height, 2);
  EXPECT_EQ(jpeg->info.width(), 5);
}

TEST(PictureDecoderTest, MemoryThatIsNotAsPlannedIsRefused) {
  const File file = sample_png();
  const auto plan = plan_decode(file, {});
  std::vector<std::byte> small(plan->output_bytes - 1);
  EXPECT_EQ(decode(file, *plan, {}, small).code(), StatusCode::kInternal);
}

// Numbers of pixels of a 3x2 picture, as people see it, by EXIF's definition of where its row 0 and column 0 are.
TEST(OrientationTest, TurnsAsExifDefines) {
  const std::vector<std::uint8_t> stored{0, 1, 2, 3, 4, 5};
  const std::vector<std::vector<std::uint8_t>> expected{{0, 1, 2, 3, 4, 5}, {2, 1, 0, 5, 4, 3}, {5, 4, 3, 2, 1, 0},
                                                        {3, 4, 5, 0, 1, 2}, {0, 3, 1, 4, 2, 5}, {3, 0, 4, 1, 5, 2},
                                                        {5, 2, 4, 1, 3, 0}, {2, 5, 1, 4, 0, 3}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    std::vector<std::uint8_t> turned(stored.size());
    apply_orientation(stored.data(), 3, 2, 1, orientation, turned.data());
    EXPECT_EQ(turned, expected[static_cast<std::size_t>(orientation - 1)]) << orientation;
  }
}

}  // namespace
}  // namespace pyserver
