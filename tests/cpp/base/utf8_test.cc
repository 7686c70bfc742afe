#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace pyserver {
namespace {

TEST(Utf8, AcceptsEveryLengthOfSequence) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain ASCII that is longer than eight bytes"));
  EXPECT_TRUE(is_utf8("π ≤ 𝄞 and more ASCII behind"));
  EXPECT_EQ(utf8_sequence("a"), 1u);
  EXPECT_EQ(utf8_sequence("π"), 2u);
  EXPECT_EQ(utf8_sequence("≤"), 3u);
  EXPECT_EQ(utf8_sequence("𝄞"), 4u);
}

TEST(Utf8, RefusesOverlongSurrogateTruncatedAndTooLargeSequences) {
  for (const std::string bad : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80",
                                "\xF8\x88\x80\x80", "\x80", "\xC3", "\xE2\x89", "\xF0\x9D\x84"}) {
    EXPECT_FALSE(is_utf8(bad));
    EXPECT_FALSE(is_utf8("seven b" + bad));
    EXPECT_FALSE(is_utf8(bad + "eight or more bytes"));
    EXPECT_EQ(utf8_sequence(bad), 0u);
  }
}

TEST(Utf8, FindsABadByteAtEveryPlace) {
  for (std::size_t place = 0; place < 24; ++place) {
    std::string text(24, 'a');
    text[place] = '\xFF';
    EXPECT_FALSE(is_utf8(text)) << place;
  }
}

}  // namespace
}  // namespace pyserver
