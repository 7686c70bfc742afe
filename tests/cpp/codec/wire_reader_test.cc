#include "codec/wire_reader.h"

#include <gtest/gtest.h>

#include <vector>

#include "codec/wire_message.h"

namespace pyserver {
namespace {

using test::bytes_of;
using test::number;
using test::sized;
using test::varint;

// Reads all fields; what is wrong with the message, or "".
std::string problem_of(std::string_view message) {
  WireReader reader(bytes_of(message));
  WireField field;
  while (reader.next(field)) {
  }
  return reader.status().message();
}

WireField only_field(std::string_view message) {
  WireReader reader(bytes_of(message));
  WireField field;
  EXPECT_TRUE(reader.next(field));
  WireField another;
  EXPECT_FALSE(reader.next(another));
  EXPECT_TRUE(reader.ok());
  return field;
}

std::string nested_groups(int levels) {
  std::string message;
  for (int i = 0; i < levels; ++i) message += varint(100 << 3 | 3);
  for (int i = 0; i < levels; ++i) message += varint(100 << 3 | 4);
  return message;
}

TEST(WireReader, ReadsEveryWireType) {
  EXPECT_EQ(only_field(number(1, 300)).number, 300u);
  EXPECT_EQ(only_field(std::string("\x0d\x01\x02\x03\x04", 5)).number, 0x04030201u);
  EXPECT_EQ(only_field(std::string("\x09\x01\x02\x03\x04\x05\x06\x07\x08", 9)).number, 0x0807060504030201u);
  EXPECT_EQ(test::text_of(only_field(sized(2, "abc")).bytes), "abc");
  EXPECT_EQ(only_field(sized(2, "")).bytes.size(), 0u);
}

TEST(WireReader, AnEmptyMessageHasNoFields) { EXPECT_EQ(problem_of(""), ""); }

TEST(WireReader, TellsFieldsApartByNumberAndWireType) {
  EXPECT_EQ(only_field(number(5, 1)).tag, varint_tag(5));
  EXPECT_EQ(only_field(sized(5, "x")).tag, bytes_tag(5));
  EXPECT_EQ(only_field(number(536870911, 1)).tag, varint_tag(536870911));
}

TEST(WireReader, ReadsVarintsOfUpToTenBytes) {
  EXPECT_EQ(only_field(number(1, UINT64_MAX)).number, UINT64_MAX);
  EXPECT_EQ(only_field(std::string("\x08\x81\x80\x80\x00", 5)).number, 1u);
  // Bits beyond the 64th are dropped, as protobuf does.
  EXPECT_EQ(only_field("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f").number, UINT64_MAX);
}

TEST(WireReader, RefusesVarintsThatAreTooLongOrEndTooSoon) {
  EXPECT_EQ(problem_of(std::string("\x08").append(10, '\x80').append(1, '\0')),
            "the message is malformed: a varint of more than ten bytes, at byte 1");
  EXPECT_EQ(problem_of("\x08\x80"), "the message is malformed: a varint that goes beyond the message, at byte 1");
  EXPECT_NE(problem_of("\x80"), "");
}

TEST(WireReader, RefusesALengthThatGoesBeyondTheMessage) {
  EXPECT_EQ(problem_of("\x0a\x03"
                       "ab"),
            "the message is malformed: a length that goes beyond the message, at byte 2");
  EXPECT_NE(problem_of(std::string("\x0a").append(varint(UINT64_MAX))), "");
  EXPECT_NE(problem_of(std::string("\x0a").append(varint(std::uint64_t{1} << 32))), "");
}

TEST(WireReader, RefusesFixedNumbersThatGoBeyondTheMessage) {
  EXPECT_NE(problem_of("\x0d\x01\x02\x03"), "");
  EXPECT_NE(problem_of("\x09\x01\x02\x03\x04\x05\x06\x07"), "");
}

TEST(WireReader, RefusesFieldNumberZero) {
  EXPECT_NE(problem_of(std::string("\x00\x01", 2)), "");
  EXPECT_NE(problem_of(std::string("\x02\x00", 2)), "");
  EXPECT_NE(problem_of(std::string("\x80\x00\x01", 3)), "");
}

TEST(WireReader, RefusesFieldNumbersBeyond29Bits) {
  EXPECT_NE(problem_of(varint(std::uint64_t{1} << 32) + varint(0)), "");
  EXPECT_NE(problem_of(std::string("\x8a\x80\x80\x80\x80\x00\x00", 7)), "");
  EXPECT_EQ(problem_of(std::string("\x8a\x80\x80\x80\x00\x00", 6)), "");
}

TEST(WireReader, RefusesWireTypesSixAndSeven) {
  EXPECT_NE(problem_of("\x0e"), "");
  EXPECT_NE(problem_of("\x0f"), "");
}

TEST(WireReader, ReadsOverGroups) {
  const std::string group = varint(3 << 3 | 3) + number(1, 5) + sized(2, "in a group") + varint(3 << 3 | 4);
  WireReader reader(bytes_of(std::string_view(group)));
  WireField field;
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.tag, wire_tag(3, WireType::kStartGroup));
  EXPECT_FALSE(reader.next(field));
  EXPECT_TRUE(reader.ok());
}

TEST(WireReader, RefusesGroupsThatDoNotMatch) {
  EXPECT_NE(problem_of(varint(3 << 3 | 4)), "");
  EXPECT_NE(problem_of(varint(3 << 3 | 3)), "");
  EXPECT_NE(problem_of(varint(3 << 3 | 3) + varint(4 << 3 | 4)), "");
  EXPECT_NE(problem_of(varint(3 << 3 | 3) + std::string("\x00\x01", 2) + varint(3 << 3 | 4)), "");
}

TEST(WireReader, AllowsAHundredLevelsOfNesting) {
  EXPECT_EQ(problem_of(nested_groups(100)), "");
  EXPECT_NE(problem_of(nested_groups(101)), "");
  // A message embedded in another takes one level.
  const std::string outer = sized(1, nested_groups(100));
  WireReader reader(bytes_of(std::string_view(outer)));
  WireField field;
  ASSERT_TRUE(reader.next(field));
  WireReader inner(field, reader);
  EXPECT_FALSE(inner.next(field));
  EXPECT_FALSE(inner.ok());
}

TEST(WireReader, CountsPlacesFromTheBeginningOfTheOutermostMessage) {
  const std::string outer = number(1, 1) + sized(2, "\x08");
  WireReader reader(bytes_of(std::string_view(outer)));
  WireField field;
  ASSERT_TRUE(reader.next(field));
  ASSERT_TRUE(reader.next(field));
  WireReader inner(field, reader);
  EXPECT_FALSE(inner.next(field));
  EXPECT_EQ(inner.status().message(), "the message is malformed: a varint that goes beyond the message, at byte 5");
}

TEST(WireReader, ReadsRepeatedVarintsPackedAndUnpacked) {
  const std::string message = sized(2, varint(1) + varint(300)) + number(2, 7) + sized(2, "");
  WireReader reader(bytes_of(std::string_view(message)));
  std::vector<std::uint64_t> values;
  WireField field;
  while (reader.next(field)) reader.each_varint(field, [&](std::uint64_t value) { values.push_back(value); });
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(values, (std::vector<std::uint64_t>{1, 300, 7}));
}

TEST(WireReader, RefusesAPackedVarintThatGoesBeyondItsField) {
  const std::string message = sized(2, "\x01\x80") + number(1, 1);
  WireReader reader(bytes_of(std::string_view(message)));
  WireField field;
  ASSERT_TRUE(reader.next(field));
  EXPECT_FALSE(reader.each_varint(field, [](std::uint64_t) {}));
  EXPECT_FALSE(reader.ok());
  EXPECT_FALSE(reader.next(field));
}

TEST(WireReader, TakesOnlyUtf8AsText) {
  for (const std::string_view good :
       {"", "plain ascii, long enough for eight at a time", "größe", "\u20ac", "\U0001f600"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  EXPECT_TRUE(is_utf8(std::string_view("nul\0", 4)));
  // A lone continuation, overlong forms, a surrogate, beyond U+10FFFF, cut sequences.
  for (const std::string_view bad : {"\x80", "12345678\xff", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                                     "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

}  // namespace
}  // namespace pyserver
