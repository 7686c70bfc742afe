#include "image/picture_header.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "image/sample_files.h"

namespace pyserver {
namespace {

std::string refusal(std::string_view bytes) { return read_header(std::as_bytes(std::span(bytes))).status().message(); }

TEST(PictureHeaderTest, TellsFormatSidesAndChannels) {
  for (const auto& [name, file] : sample_files()) {
    const Result<PictureInfo> info = read_header(file);
    ASSERT_TRUE(info.ok()) << name << ": " << info.status().message();
    EXPECT_EQ(name_of(info->format), name);
    EXPECT_EQ(info->width(), static_cast<std::int64_t>(kSampleWidth));
    EXPECT_EQ(info->height(), static_cast<std::int64_t>(kSampleHeight));
    EXPECT_EQ(info->channels, 3);
    EXPECT_EQ(info->bit_depth, name == "BMP" ? 24 : 8);
    EXPECT_EQ(info->orientation, 1);
    EXPECT_FALSE(info->animated);
  }
}

TEST(PictureHeaderTest, SidesAreExchangedByOrientationsThatTurnThePicture) {
  PictureInfo info{.stored_width = 5, .stored_height = 3};
  for (info.orientation = 1; info.orientation <= 8; ++info.orientation) {
    EXPECT_EQ(info.width(), info.orientation <= 4 ? 5 : 3);
    EXPECT_EQ(info.height(), info.orientation <= 4 ? 3 : 5);
  }
}

TEST(PictureHeaderTest, AnOrientationIsFoundInTheSegmentsOfAJpeg) {
  File file = sample_jpeg();
  File segment{std::byte{0xFF}, std::byte{0xE1}, std::byte{0}, std::byte{0}};
  for (const char letter : std::string_view("Exif\0\0", 6)) segment.push_back(static_cast<std::byte>(letter));
  const File exif = exif_block(6, false);
  segment.insert(segment.end(), exif.begin(), exif.end());
  segment[3] = static_cast<std::byte>(segment.size() - 2);
  file.insert(file.begin() + 2, segment.begin(), segment.end());
  const Result<PictureInfo> info = read_header(file);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->orientation, 6);
  EXPECT_EQ(info->width(), static_cast<std::int64_t>(kSampleHeight));
}

TEST(PictureHeaderTest, WhatIsNoPictureOfOursIsNamed) {
  const std::string expected = "expected JPEG, PNG, WebP or BMP, got ";
  EXPECT_EQ(refusal(""), expected + "0 bytes");
  EXPECT_EQ(refusal("G"), expected + "bytes that begin with 47");
  EXPECT_EQ(refusal("GIF89a"), expected + "bytes that begin with 47 49 46 38 (GIF)");
  EXPECT_EQ(refusal({"\0\0\0\x1c"
                     "ftypavif",
                     12}),
            expected + "bytes that begin with 00 00 00 1c (AVIF)");
  EXPECT_EQ(refusal("data:image/png;base64,"),
            expected + "bytes that begin with 64 61 74 61 (a data URL, which is text)");
  EXPECT_EQ(refusal("RIFF\1\1\1\1WAVE"), expected + "bytes that begin with 52 49 46 46");
}

TEST(PictureHeaderTest, EveryBeginOfAFileIsRefusedWithASentence) {
  for (const auto& [name, file] : sample_files()) {
    std::size_t readable = 0;
    for (std::size_t size = 0; size < file.size(); ++size) {
      // A copy of its own, so that the address sanitizer sees a byte too far.
      const File begin(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
      const Result<PictureInfo> info = read_header(begin);
      if (info.ok()) {
        ++readable;
        EXPECT_EQ(info->width(), static_cast<std::int64_t>(kSampleWidth)) << name << " " << size;
      } else {
        EXPECT_EQ(info.status().code(), StatusCode::kInvalidArgument);
        EXPECT_FALSE(info.status().message().empty());
      }
    }
    EXPECT_LT(readable, file.size()) << name;
  }
}

TEST(PictureHeaderTest, APictureWithoutPixelsOrWithTooLongASideIsRefused) {
  EXPECT_EQ(read_header(bmp_header(0, 3)).status(),
            invalid_argument("the BMP is corrupt: it says that it has 0x3 pixels"));
  EXPECT_EQ(read_header(bmp_header(3, 0)).status(),
            invalid_argument("the BMP is corrupt: it says that it has 3x0 pixels"));
  EXPECT_EQ(read_header(bmp_header(65'536, 1)).status(),
            invalid_argument("the BMP has 65536x1 pixels: expected at most 65535 along each side"));
  EXPECT_EQ(read_header(bmp_header(1, 0xFE'FF'FF'FF)).status(),
            invalid_argument("the BMP has 1x4278190079 pixels: expected at most 65535 along each side"));
  EXPECT_TRUE(read_header(bmp_header(65'535, 65'535)).ok());
}

TEST(PictureHeaderTest, WhatAFormatAllowsAndWeDoNotReadIsNamed) {
  EXPECT_EQ(read_header(bmp_header(1, 1, 2)).status(),
            invalid_argument("expected a BMP of 1, 4, 8, 16, 24 or 32 bits, got 2"));
  File deep = sample_png();
  deep[24] = std::byte{16};
  deep[25] = std::byte{0};
  EXPECT_TRUE(read_header(deep).status().message().starts_with("a gray PNG of 16 bits has no one meaning in 8"));
  deep[24] = std::byte{3};
  EXPECT_EQ(read_header(deep).status(), invalid_argument("the PNG is corrupt: there is no colour type 0 of 3 bits"));
}

}  // namespace
}  // namespace pyserver
