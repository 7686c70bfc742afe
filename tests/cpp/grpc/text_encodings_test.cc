#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"
#include "grpc/metadata.h"

namespace pyserver {
namespace {

using namespace std::string_view_literals;

std::string random_bytes(std::mt19937& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

TEST(Base64, WritesTheVectorsOfRfc4648WithoutPadding) {
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("f"), "Zg");
  EXPECT_EQ(encode_base64("fo"), "Zm8");
  EXPECT_EQ(encode_base64("foo"), "Zm9v");
  EXPECT_EQ(encode_base64("foob"), "Zm9vYg");
  EXPECT_EQ(encode_base64("fooba"), "Zm9vYmE");
  EXPECT_EQ(encode_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encode_base64("\xfb\xff\xfe"), "+//+");
}

TEST(Base64, ReadsTextWithAndWithoutPadding) {
  std::string bytes = "left from before";
  for (const auto& [text, expected] :
       {std::pair("", ""), std::pair("Zg", "f"), std::pair("Zg==", "f"), std::pair("Zm8", "fo"),
        std::pair("Zm8=", "fo"), std::pair("Zm9v", "foo"), std::pair("Zm9vYmFy", "foobar")}) {
    EXPECT_TRUE(decode_base64(text, bytes)) << text;
    EXPECT_EQ(bytes, expected) << text;
    EXPECT_TRUE(is_base64_list(text)) << text;
  }
}

TEST(Base64, RefusesWhatIsNone) {
  std::string bytes;
  for (const char* text : {"Z", "Zm9vY", "Zg=", "Zg===", "Zm8==", "Zm9v=", "=",
                           "==", "====", "Z===", "Z=g=", "Zg==Zg==", "Zm 9v", "Zm9v\n", "-__-", "Zm9\xc3", "Zm9%"}) {
    EXPECT_FALSE(decode_base64(text, bytes)) << text;
    EXPECT_FALSE(is_base64_list(text)) << text;
  }
  EXPECT_FALSE(decode_base64("Zm9\0"sv, bytes));
}

TEST(Base64, GivesBackWhatItWasGiven) {
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 200; ++size) {
    const std::string bytes = random_bytes(random, size);
    std::string back;
    ASSERT_TRUE(decode_base64(encode_base64(bytes), back));
    EXPECT_EQ(back, bytes);
  }
}

TEST(PercentEncoding, KeepsPrintableAsciiButThePercentSign) {
  std::string printable;
  for (char c = 0x20; c < 0x7f; ++c) {
    if (c != '%') printable.push_back(c);
  }
  EXPECT_EQ(percent_encode(printable), printable);
  EXPECT_EQ(percent_encode("100%"), "100%25");
}

TEST(PercentEncoding, EncodesTheInteropTestsMessage) {
  EXPECT_EQ(percent_encode("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"),
            "%09%0Atest with whitespace%0D%0Aand Unicode BMP %E2%98%BA and non-BMP %F0%9F%98%88%09%0A");
}

TEST(PercentEncoding, LeavesWhatIsNoEncodingAsItIs) {
  EXPECT_EQ(percent_decode("%"), "%");
  EXPECT_EQ(percent_decode("100%2"), "100%2");
  EXPECT_EQ(percent_decode("%zz%G1%1G"), "%zz%G1%1G");
  EXPECT_EQ(percent_decode("%e2%98%bA%41"), "☺A");
}

TEST(PercentEncoding, GivesBackWhatItWasGiven) {
  std::mt19937 random(2);
  for (std::size_t size = 0; size < 200; ++size) {
    const std::string message = random_bytes(random, size);
    const std::string text = percent_encode(message);
    for (const char c : text) {
      EXPECT_GE(c, 0x20);
      EXPECT_LE(c, 0x7e);
    }
    EXPECT_EQ(percent_decode(text), message);
  }
}

TEST(PercentEncoding, CutsLongMessagesAndMarksTheCut) {
  EXPECT_EQ(percent_encode(std::string(20, 'a'), 20), std::string(20, 'a'));
  EXPECT_EQ(percent_encode(std::string(21, 'a'), 20), std::string(11, 'a') + "%E2%80%A6");
  EXPECT_LE(percent_encode(std::string(1 << 20, '\n')).size(), kMaxStatusMessageBytes);
}

TEST(PercentEncoding, NeverCutsInsideACharacter) {
  std::string message;
  for (int i = 0; i < 10; ++i) message += "a☺é😈";
  for (std::size_t max = 9; max < 300; ++max) {
    const std::string text = percent_encode(message, max);
    EXPECT_LE(text.size(), max);
    EXPECT_TRUE(is_utf8(percent_decode(text))) << text;
  }
  EXPECT_EQ(percent_encode(message, 8), "") << "not even the mark has room";
}

}  // namespace
}  // namespace pyserver
