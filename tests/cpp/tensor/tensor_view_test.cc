#include "tensor/tensor_view.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pyserver {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string text_of(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte b : bytes) text.push_back(static_cast<char>(b));
  return text;
}

// The contents of a BYTES tensor.
std::string elements(const std::vector<std::string>& values) {
  std::string contents;
  for (const std::string& value : values) {
    for (int shift = 0; shift < 32; shift += 8) contents.push_back(static_cast<char>(value.size() >> shift & 0xFF));
    contents += value;
  }
  return contents;
}

std::string why(Datatype datatype, const Shape& shape, std::string_view contents) {
  const Status status =
      check_contents({.name = "x", .datatype = datatype, .shape = shape, .bytes = bytes_of(contents)});
  EXPECT_TRUE(status.ok() || status.code() == StatusCode::kInvalidArgument);
  return status.message();
}

TEST(CheckContents, AcceptsExactlyTheBytesOfTheShape) {
  EXPECT_EQ(why(Datatype::kFp32, {2, 3}, std::string(24, 'x')), "");
  EXPECT_EQ(why(Datatype::kFp16, {}, "xx"), "") << "a scalar is one element";
  EXPECT_EQ(why(Datatype::kInt64, {0, 5}, ""), "") << "an empty tensor has no bytes";
}

TEST(CheckContents, RefusesTooFewAndTooManyBytes) {
  EXPECT_EQ(why(Datatype::kFp32, {2, 3}, std::string(23, 'x')), "expected 24 bytes for FP32 of shape [2, 3], got 23");
  EXPECT_EQ(why(Datatype::kFp32, {2, 3}, std::string(25, 'x')), "expected 24 bytes for FP32 of shape [2, 3], got 25");
  EXPECT_EQ(why(Datatype::kInt8, {0}, "x"), "expected 0 bytes for INT8 of shape [0], got 1");
}

TEST(CheckContents, RefusesShapesThatNoTensorHas) {
  EXPECT_EQ(why(Datatype::kInt8, {-1}, ""), "shape [-1] has a negative dimension or too many elements");
  EXPECT_NE(why(Datatype::kInt8, {INT64_MAX, 2}, ""), "");
}

TEST(CheckContents, RefusesAByteCountThatOverflows) {
  EXPECT_EQ(why(Datatype::kFp64, {std::int64_t{1} << 60, 2}, ""),
            "shape [1152921504606846976, 2] has too many elements");
}

TEST(CheckContents, WalksBytesElements) {
  EXPECT_EQ(why(Datatype::kBytes, {2, 2}, elements({"a", "", "ccc", "dd"})), "");
  EXPECT_EQ(why(Datatype::kBytes, {0}, ""), "");
  EXPECT_EQ(why(Datatype::kBytes, {}, elements({"one"})), "");
}

TEST(CheckContents, RefusesAMissingBytesElement) {
  EXPECT_EQ(why(Datatype::kBytes, {2}, elements({"a"})), "expected 2 BYTES elements for shape [2], got 1 in 5 bytes");
  EXPECT_EQ(why(Datatype::kBytes, {2}, elements({"a"}) + "\1\0\0"),
            "expected 2 BYTES elements for shape [2], got 1 in 6 bytes")
      << "a length that is cut short is no element";
}

TEST(CheckContents, RefusesABytesElementThatClaimsMoreThanThereIs) {
  const std::string contents = std::string("\xFF\xFF\xFF\xFF", 4) + "abc";
  EXPECT_EQ(why(Datatype::kBytes, {1}, contents), "BYTES element 0 claims 4294967295 bytes, but only 3 follow");
}

TEST(CheckContents, RefusesBytesAfterTheLastElement) {
  EXPECT_EQ(why(Datatype::kBytes, {1}, elements({"a", "b"})),
            "expected 1 BYTES elements for shape [1], got 5 bytes more");
}

TEST(CheckContents, AnswersAtOnceForAHugeShapeWithFewBytes) {
  EXPECT_EQ(why(Datatype::kBytes, {INT64_MAX}, elements({"a"})),
            "expected 9223372036854775807 BYTES elements for shape [9223372036854775807], got 1 in 5 bytes");
}

TEST(TakeBytesElement, ReadsTheElementsInOrder) {
  const std::string contents = elements({"first", "", std::string(300, 'x')});
  std::span<const std::byte> rest = bytes_of(contents);
  EXPECT_EQ(text_of(take_bytes_element(rest)), "first");
  EXPECT_EQ(text_of(take_bytes_element(rest)), "");
  EXPECT_EQ(text_of(take_bytes_element(rest)), std::string(300, 'x'));
  EXPECT_TRUE(rest.empty());
}

TEST(RowBytes, SlicesFixedSizeRows) {
  const TensorView tensor{
      .name = "x", .datatype = Datatype::kInt16, .shape = {3, 2}, .bytes = bytes_of("aabbccddeeff")};
  EXPECT_EQ(text_of(row_bytes(tensor, 0, 3)), "aabbccddeeff");
  EXPECT_EQ(text_of(row_bytes(tensor, 1, 1)), "ccdd");
  EXPECT_EQ(text_of(row_bytes(tensor, 1, 2)), "ccddeeff");
  EXPECT_EQ(text_of(row_bytes(tensor, 3, 0)), "");
}

TEST(RowBytes, SlicesBytesRowsOfDifferentLengths) {
  const std::string contents = elements({"a", "bb", "", "dddd", "e", "f"});
  const TensorView tensor{.name = "x", .datatype = Datatype::kBytes, .shape = {3, 2}, .bytes = bytes_of(contents)};
  EXPECT_EQ(text_of(row_bytes(tensor, 0, 1)), elements({"a", "bb"}));
  EXPECT_EQ(text_of(row_bytes(tensor, 1, 2)), elements({"", "dddd", "e", "f"}));
  EXPECT_EQ(text_of(row_bytes(tensor, 3, 0)), "");
}

TEST(RowBytes, GivesNothingForTensorsWithoutElements) {
  EXPECT_TRUE(row_bytes({.name = "x", .datatype = Datatype::kFp32, .shape = {0, 4}, .bytes = {}}, 0, 0).empty());
  EXPECT_TRUE(row_bytes({.name = "x", .datatype = Datatype::kFp32, .shape = {4, 0}, .bytes = {}}, 1, 2).empty());
  EXPECT_TRUE(row_bytes({.name = "x", .datatype = Datatype::kBytes, .shape = {4, 0}, .bytes = {}}, 1, 2).empty());
}

}  // namespace
}  // namespace pyserver
