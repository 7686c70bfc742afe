#include "base/text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace pyserver {
namespace {

using namespace std::string_view_literals;

TEST(Concat, JoinsStringsCharactersAndIntegersInOrder) {
  const std::string text = "text";
  EXPECT_EQ(concat("a ", text, ' ', "view"sv, ' ', -5, ' ', std::size_t{7}), "a text view -5 7");
  EXPECT_EQ(concat(), "");
}

TEST(Concat, WritesTheExtremesOfItsIntegers) {
  EXPECT_EQ(concat(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(concat(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
}

TEST(Concat, WritesAByteAsItsNumber) { EXPECT_EQ(concat(std::uint8_t{65}), "65"); }

TEST(Quoted, PutsTextInSingleQuotes) {
  EXPECT_EQ(quoted("model"), "'model'");
  EXPECT_EQ(quoted(""), "''");
}

TEST(Quoted, KeepsWellFormedUtf8) { EXPECT_EQ(quoted("é€😀"), "'é€😀'"); }

TEST(Quoted, EscapesControlCharacters) {
  EXPECT_EQ(quoted("a\nb\0c\x7f"sv), R"('a\x0ab\x00c\x7f')");
  EXPECT_EQ(quoted("\xC2\x9B"), R"('\xc2\x9b')") << "U+009B begins a terminal's control sequence";
  EXPECT_EQ(quoted("\xC2\xA0"), "'\xC2\xA0'") << "U+00A0 is no control character";
}

TEST(Quoted, EscapesWhatWouldEndOrAlterTheQuotation) { EXPECT_EQ(quoted(R"(it's \)"), R"('it\x27s \x5c')"); }

TEST(Quoted, EscapesEveryByteThatIsNotUtf8) {
  EXPECT_EQ(quoted("\xFF"), R"('\xff')");
  EXPECT_EQ(quoted("\x80"), R"('\x80')") << "a lone continuation byte";
  EXPECT_EQ(quoted("\xC0\xAF"), R"('\xc0\xaf')") << "an overlong form";
  EXPECT_EQ(quoted("\xE0\x80\x80"), R"('\xe0\x80\x80')") << "an overlong form of three bytes";
  EXPECT_EQ(quoted("\xF0\x80\x80\x80"), R"('\xf0\x80\x80\x80')") << "an overlong form of four bytes";
  EXPECT_EQ(quoted("\xED\xA0\x80"), R"('\xed\xa0\x80')") << "a surrogate";
  EXPECT_EQ(quoted("\xF4\x90\x80\x80"), R"('\xf4\x90\x80\x80')") << "beyond U+10FFFF";
}

TEST(Quoted, EscapesASequenceThatTheTextCutsShort) {
  EXPECT_EQ(quoted("\xC3"), R"('\xc3')");
  EXPECT_EQ(quoted("\xE2\x82"), R"('\xe2\x82')");
  EXPECT_EQ(quoted("\xF0\x9F\x98"), R"('\xf0\x9f\x98')");
}

TEST(Quoted, CutsLongTextAndMarksTheCut) {
  EXPECT_EQ(quoted("abcd", 4), "'abcd'");
  EXPECT_EQ(quoted("abcde", 4), "'abcd…'");
  EXPECT_LT(pyserver::quoted(std::string(1 << 20, 'x')).size(), std::size_t{200});
}

TEST(Quoted, NeverCutsInsideACharacter) { EXPECT_EQ(quoted("ab€", 4), "'ab…'"); }

TEST(Quoted, NeverWritesARawControlOrHighByteForAnySingleByte) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    for (const char c : pyserver::quoted(text)) {
      EXPECT_GE(c, 0x20) << "for byte " << byte;
      EXPECT_LT(c, 0x7f) << "for byte " << byte;
    }
  }
}

}  // namespace
}  // namespace pyserver
