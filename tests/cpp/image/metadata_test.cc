#include "image/metadata.h"

#include <gtest/gtest.h>

#include <string>

#include "image/sample_files.h"

namespace pyserver {
namespace {

TEST(ExifTest, TellsTheOrientationInBothByteOrders) {
  for (const bool little : {false, true}) {
    for (std::uint16_t orientation = 1; orientation <= 8; ++orientation) {
      EXPECT_EQ(exif_orientation(exif_block(orientation, little)), orientation);
    }
  }
}

TEST(ExifTest, ThePrefixOfJpegMayBeThereOnceOrTwice) {
  File block = exif_block(6, true);
  for (int times = 1; times <= 2; ++times) {
    const std::string_view prefix("Exif\0\0", 6);
    const auto* const bytes = reinterpret_cast<const std::byte*>(prefix.data());
    block.insert(block.begin(), bytes, bytes + prefix.size());
    EXPECT_EQ(exif_orientation(block), 6) << times;
  }
}

TEST(ExifTest, AnOrientationThatThereIsNotCountsAsNone) {
  for (const std::uint16_t orientation : {0, 9, 65535}) {
    EXPECT_EQ(exif_orientation(exif_block(orientation, true)), std::nullopt);
  }
}

TEST(ExifTest, WhatIsCutOrNoExifTellsNothing) {
  const File block = exif_block(6, true);
  constexpr std::size_t kEndOfEntry = 8 + 2 + 12;
  for (std::size_t size = 0; size < kEndOfEntry; ++size) {
    EXPECT_EQ(exif_orientation(std::span(block).first(size)), std::nullopt) << size;
  }
  File elsewhere = block;
  elsewhere[4] = elsewhere[7] = std::byte{0xFF};  // the directory lies beyond the end
  EXPECT_EQ(exif_orientation(elsewhere), std::nullopt);
  File many = block;
  many[14] = many[15] = many[16] = many[17] = std::byte{0xFF};  // more values than there is room for
  EXPECT_EQ(exif_orientation(many), std::nullopt);
}

TEST(XmpTest, TellsTheOrientationOfAnAttributeOrAnElement) {
  const auto told = [](const std::string& text) { return xmp_orientation(std::as_bytes(std::span(text))); };
  EXPECT_EQ(told("<a tiff:Orientation=\"8\"/>"), 8);
  EXPECT_EQ(told("<tiff:Orientation>3</tiff:Orientation>"), 3);
  EXPECT_EQ(told("tiff:Orientation tiff:Orientation=\"2\""), 2);
  EXPECT_EQ(told("<tiff:Orientation>"), std::nullopt);
  EXPECT_EQ(told("<tiff:Orientation>9"), std::nullopt);
  EXPECT_EQ(told(""), std::nullopt);
}

}  // namespace
}  // namespace pyserver
