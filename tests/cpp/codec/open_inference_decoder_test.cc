#include <gtest/gtest.h>

#include <algorithm>

#include <limits>

#include "base/text.h"
#include "codec/open_inference_codec.h"
#include "codec/wire_message.h"

namespace pyserver {
namespace {

using test::bytes_of;
using test::number;
using test::raw;
using test::sized;
using test::text_of;
using test::varint;

constexpr TimePoint kNow{std::chrono::seconds(1000)};
const std::string kModelM = sized(1, "m");

std::string dimensions(std::initializer_list<std::uint64_t> values) {
  std::string packed;
  for (std::uint64_t value : values) packed += varint(value);
  return sized(3, packed);
}

// `more` is further fields of the input, such as its contents.
std::string input(std::string_view name, std::string_view datatype, std::uint64_t elements,
                  const std::string& more = {}) {
  return sized(5, sized(1, name) + sized(2, datatype) + dimensions({elements}) + more);
}
std::string contents(const std::string& fields) { return sized(5, fields); }
std::string parameter(std::uint32_t field, std::string_view key, const std::string& value) {
  return sized(field, sized(1, key) + sized(2, value));
}
std::string request_parameter(std::string_view key, const std::string& value) { return parameter(4, key, value); }
std::string fixed(char tag, const std::string& bits) { return std::string(1, tag).append(bits); }
std::string as_int64(std::int64_t value) { return number(2, static_cast<std::uint64_t>(value)); }
std::string as_string(std::string_view value) { return sized(3, value); }

Status decode(const std::string& message, Request& request) {
  return decode_model_infer_request(bytes_of(std::string_view(message)), kNow, *test::pool, request);
}

void expect_refused(const std::string& message, std::string_view reason,
                    StatusCode code = StatusCode::kInvalidArgument) {
  Request request;
  const Status status = decode(message, request);
  EXPECT_EQ(status.code(), code);
  EXPECT_EQ(status.message(), reason);
}

// The one input of a request with these typed contents, converted.
std::string converted(std::string_view datatype, std::uint64_t elements, const std::string& fields) {
  const std::string message = kModelM + input("x", datatype, elements, contents(fields));
  Request request;
  const Status status = decode(message, request);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(request.wants_typed_contents);
  return text_of(request.inputs[0].bytes);
}

TEST(ModelInferDecoder, GivesRawContentsToTheInputsInOrderAndInPlace) {
  const std::string message = kModelM + sized(7, "ab") + input("x", "UINT8", 2) + sized(7, "cdef") +
                              input("y", "FP16", 2) + sized(2, "12") + sized(3, "id") + sized(6, sized(1, "out"));
  Request request;
  ASSERT_TRUE(decode(message, request).ok());
  EXPECT_EQ(request.version, 12);
  EXPECT_EQ(request.id, "id");
  EXPECT_EQ(request.wanted_outputs.at(0), "out");
  EXPECT_EQ(text_of(request.inputs.at(0).bytes), "ab");
  EXPECT_EQ(text_of(request.inputs.at(1).bytes), "cdef");
  EXPECT_FALSE(request.wants_typed_contents);
  EXPECT_TRUE(request.owned.empty());
}

TEST(ModelInferDecoder, ConvertsTypedContentsOfEveryDatatype) {
  const std::uint64_t minus_two = UINT64_MAX - 1;
  EXPECT_EQ(converted("BOOL", 3, sized(1, std::string("\0\1\5", 3))), std::string("\0\1\1", 3));
  EXPECT_EQ(converted("INT8", 2, sized(2, varint(127) + varint(minus_two))), raw<std::int8_t>({127, -2}));
  EXPECT_EQ(converted("INT16", 2, sized(2, varint(32767) + varint(minus_two))), raw<std::int16_t>({32767, -2}));
  EXPECT_EQ(converted("INT32", 1, number(2, minus_two)), raw<std::int32_t>({-2}));
  EXPECT_EQ(converted("INT64", 2, number(3, minus_two) + number(3, 1)), raw<std::int64_t>({-2, 1}));
  EXPECT_EQ(converted("UINT8", 1, sized(4, varint(255))), "\xff");
  EXPECT_EQ(converted("UINT16", 1, sized(4, varint(65535))), "\xff\xff");
  EXPECT_EQ(converted("UINT32", 1, sized(4, varint(UINT32_MAX))), "\xff\xff\xff\xff");
  EXPECT_EQ(converted("UINT64", 1, sized(5, varint(UINT64_MAX))), std::string(8, '\xff'));
  EXPECT_EQ(converted("BYTES", 2, sized(8, "ab") + sized(8, "")), std::string("\2\0\0\0ab\0\0\0\0", 10));
}

TEST(ModelInferDecoder, KeepsFloatsBitForBit) {
  const std::string floats =
      raw({std::numeric_limits<float>::signaling_NaN(), -0.0f, std::numeric_limits<float>::infinity()});
  EXPECT_EQ(converted("FP32", 3, sized(6, floats)), floats);
  const std::string one_by_one =
      fixed(0x35, floats.substr(0, 4)) + fixed(0x35, floats.substr(4, 4)) + sized(6, floats.substr(8));
  EXPECT_EQ(converted("FP32", 3, one_by_one), floats);
  const std::string doubles = raw({std::numeric_limits<double>::signaling_NaN(), -0.0});
  EXPECT_EQ(converted("FP64", 2, sized(7, doubles)), doubles);
  EXPECT_EQ(converted("FP64", 2, fixed(0x39, doubles.substr(0, 8)) + sized(7, doubles.substr(8))), doubles);
}

TEST(ModelInferDecoder, UsesFloatsInOnePieceWhereTheyLie) {
  const std::string message = kModelM + input("x", "FP32", 1, contents(sized(6, "abcd")));
  Request request;
  ASSERT_TRUE(decode(message, request).ok());
  EXPECT_TRUE(request.owned.empty());
  EXPECT_EQ(text_of(request.inputs[0].bytes), "abcd");
}

TEST(ModelInferDecoder, MergesContentsThatComeInSeveralPieces) {
  const std::string message =
      kModelM + input("x", "INT32", 3, contents(number(2, 1)) + contents(sized(2, varint(2) + varint(3))));
  Request request;
  ASSERT_TRUE(decode(message, request).ok());
  EXPECT_EQ(text_of(request.inputs[0].bytes), raw<std::int32_t>({1, 2, 3}));
}

TEST(ModelInferDecoder, RefusesContentsInAMillionPieces) {
  std::string pieces;
  for (int i = 0; i < 1'000'000; ++i) pieces += contents("");
  expect_refused(kModelM + input("x", "FP32", 1, pieces),
                 "model 'm': input 'x': expected contents in at most 1024 pieces, got more");
}

TEST(ModelInferDecoder, RefusesValuesOutOfTheDatatypesRange) {
  expect_refused(kModelM + input("x", "INT8", 2, contents(sized(2, varint(1) + varint(300)))),
                 "model 'm': input 'x': expected values of -128 to 127 for INT8, got 300 at element 1");
  expect_refused(kModelM + input("x", "INT16", 1, contents(number(2, UINT64_MAX - 32768))),
                 "model 'm': input 'x': expected values of -32768 to 32767 for INT16, got -32769 at element 0");
  expect_refused(kModelM + input("x", "UINT8", 1, contents(number(4, 256))),
                 "model 'm': input 'x': expected values of 0 to 255 for UINT8, got 256 at element 0");
}

TEST(ModelInferDecoder, RefusesTypedContentsInTheWrongFieldOrNumber) {
  expect_refused(kModelM + input("x", "INT64", 1, contents(number(2, 1))),
                 "model 'm': input 'x': expected contents of INT64 in int64_contents, got 1 elements in int_contents");
  expect_refused(kModelM + input("x", "INT64", 2, contents(number(3, 1))),
                 "model 'm': input 'x': expected 2 elements in int64_contents for shape [2], got 1");
  expect_refused(kModelM + input("x", "BYTES", 2, contents(sized(8, "a"))),
                 "model 'm': input 'x': expected 2 elements in bytes_contents for shape [2], got 1");
}

TEST(ModelInferDecoder, RefusesMalformedTypedContents) {
  const std::string malformed = "model 'm': input 'x': the message is malformed: ";
  expect_refused(kModelM + input("x", "INT64", 1, contents(sized(3, "\x80"))),
                 malformed + "a varint without an end, at byte 23");
  expect_refused(kModelM + input("x", "INT64", 1, contents(sized(3, std::string(10, '\x80') + '\0'))),
                 malformed + "a varint of more than ten bytes, at byte 22");
  expect_refused(kModelM + input("x", "FP32", 1, contents(sized(6, "abc"))),
                 malformed + "packed numbers whose length is not a multiple of theirs, at byte 24");
}

TEST(ModelInferDecoder, RefusesHalfFloatsThatDoNotComeRaw) {
  for (const std::string datatype : {"FP16", "BF16"}) {
    expect_refused(kModelM + input("x", datatype, 1, contents(sized(6, "abcd"))),
                   concat("model 'm': input 'x': expected ", datatype,
                          " contents in raw_input_contents (it has only raw contents), got none there"));
  }
}

TEST(ModelInferDecoder, RefusesBothRawAndTypedContents) {
  expect_refused(
      kModelM + input("x", "UINT8", 1, contents(number(4, 1))) + sized(7, "a"),
      "model 'm': input 'x': expected contents either in raw_input_contents or typed, got both raw and typed contents");
}

TEST(ModelInferDecoder, RefusesRawContentsForSomeInputsOnly) {
  expect_refused(kModelM + input("x", "UINT8", 1) + input("y", "UINT8", 1) + sized(7, "a"),
                 "model 'm': expected 2 raw_input_contents, one for each input, got 1");
  expect_refused(kModelM + sized(7, "a"), "model 'm': expected 0 raw_input_contents, one for each input, got 1");
}

TEST(ModelInferDecoder, AnInputWithoutElementsNeedsNoContents) {
  Request request;
  ASSERT_TRUE(decode(kModelM + input("x", "FP32", 0) + input("y", "BYTES", 0) + input("z", "FP16", 0), request).ok());
  EXPECT_TRUE(request.inputs[0].bytes.empty());
}

TEST(ModelInferDecoder, RefusesUnknownDatatypesAndImpossibleShapes) {
  expect_refused(kModelM + input("x", "fp32", 1),
                 "model 'm': input 'x': expected a datatype such as 'FP32', got 'fp32'");
  expect_refused(
      kModelM + input("x", "FP32", UINT64_MAX),
      "model 'm': input 'x': expected a shape without negative dimensions and of at most 9223372036854775807 "
      "elements, got [-1]");
  expect_refused(kModelM + input("x", "FP64", std::uint64_t{1} << 62) + sized(7, ""),
                 "model 'm': input 'x': shape [4611686018427387904] has too many elements");
}

TEST(ModelInferDecoder, RefusesDuplicateInputsAndOutputs) {
  expect_refused(kModelM + input("x", "FP32", 0) + input("x", "FP32", 0),
                 "model 'm': input 'x': expected one tensor of this name, got more than one");
  expect_refused(kModelM + sized(6, sized(1, "y")) + sized(6, sized(1, "y")),
                 "model 'm': output 'y': expected to be asked for once, got more than once");
}

TEST(ModelInferDecoder, TakesOnlyPositiveDecimalVersions) {
  for (const std::string version : {"0", "-1", "1x", " 1", "latest", "9223372036854775808"}) {
    expect_refused(
        kModelM + sized(2, version),
        concat("model 'm': expected a version of 1 or more in decimal digits, or none for the default, got '", version,
               "'"));
  }
  Request request;
  ASSERT_TRUE(decode(kModelM + sized(2, "9223372036854775807"), request).ok());
  EXPECT_EQ(request.version, INT64_MAX);
}

TEST(ModelInferDecoder, ATimeoutBringsTheDeadlineNearerAndNeverFurther) {
  for (const std::string& value : {as_int64(1500), number(5, 1500), as_string("1500")}) {
    Request request;
    ASSERT_TRUE(decode(kModelM + request_parameter("timeout", value), request).ok());
    EXPECT_EQ(request.deadline, kNow + std::chrono::microseconds(1500));
  }
  Request request;
  request.deadline = kNow + std::chrono::microseconds(7);
  ASSERT_TRUE(decode(kModelM + request_parameter("timeout", as_int64(1500)), request).ok());
  EXPECT_EQ(request.deadline, kNow + std::chrono::microseconds(7));
}

TEST(ModelInferDecoder, ATimeoutOfZeroOrBeyondTheClockIsNone) {
  for (const std::string& value : {as_int64(0), as_int64(INT64_MAX), number(5, UINT64_MAX), as_string("0")}) {
    Request request;
    ASSERT_TRUE(decode(kModelM + request_parameter("timeout", value), request).ok());
    EXPECT_EQ(request.deadline, kNever);
  }
}

TEST(ModelInferDecoder, TheLastOfSeveralParametersOfOneNameCounts) {
  Request request;
  const std::string message =
      kModelM + request_parameter("priority", as_int64(-1)) + request_parameter("priority", as_string("3"));
  ASSERT_TRUE(decode(message, request).ok());
  EXPECT_EQ(request.priority, 3u);
}

TEST(ModelInferDecoder, RefusesParametersThatAreNoWholeNumbers) {
  const std::string timeout =
      "model 'm': parameter 'timeout': expected a whole number of 0 to 18446744073709551615, got ";
  expect_refused(kModelM + request_parameter("timeout", as_int64(-5)), timeout + "-5");
  expect_refused(kModelM + request_parameter("timeout", as_string("1s")), timeout + "'1s'");
  expect_refused(kModelM + request_parameter("timeout", as_string("18446744073709551616")),
                 timeout + "'18446744073709551616'");
  expect_refused(kModelM + request_parameter("timeout", number(1, 1)), timeout + "a bool");
  expect_refused(kModelM + request_parameter("timeout", fixed(0x21, raw({1.0}))), timeout + "a double");
  expect_refused(kModelM + request_parameter("timeout", ""), timeout + "no value");
  expect_refused(kModelM + request_parameter("priority", number(5, 1ULL << 32)),
                 "model 'm': parameter 'priority': expected a whole number of 0 to 4294967295, got 4294967296");
}

TEST(ModelInferDecoder, AnOutputMayBeWantedAsSoManyClasses) {
  Request request;
  const std::string first = sized(6, sized(1, "y") + parameter(2, "classification", as_int64(3)));
  const std::string second = sized(6, sized(1, "z"));
  const std::string zero = sized(6, sized(1, "w") + parameter(2, "classification", as_int64(0)));
  const std::string message = kModelM + second + first + zero;
  ASSERT_TRUE(decode(message, request).ok());
  EXPECT_TRUE(std::ranges::equal(request.wanted_outputs, std::vector<std::string_view>{"z", "y", "w"}));
  EXPECT_TRUE(std::ranges::equal(request.wanted_classes, std::vector<std::uint32_t>{0, 3, 0}));
  expect_refused(kModelM + sized(6, sized(1, "y") + parameter(2, "classification", as_int64(-1))),
                 "model 'm': output 'y': parameter 'classification': expected a whole number of 0 to 4294967295, got "
                 "-1");
}

TEST(ModelInferDecoder, RefusesWhatIsNotImplementedAndSaysSo) {
  const auto unimplemented = StatusCode::kUnimplemented;
  for (const auto& [key, value] : {std::pair<std::string, std::string>{"sequence_id", as_int64(7)},
                                   {"sequence_id", as_string("seven")},
                                   {"sequence_start", number(1, 1)},
                                   {"sequence_end", number(1, 1)}}) {
    expect_refused(kModelM + request_parameter(key, value),
                   concat("model 'm': parameter '", key,
                          "': sequences are not implemented; send every request with all the inputs that it needs"),
                   unimplemented);
  }
}

TEST(ModelInferDecoder, IgnoresParametersThatMeanNothingHere) {
  Request request;
  const std::string message =
      kModelM + request_parameter("sequence_id", as_int64(0)) + request_parameter("sequence_start", number(1, 0)) +
      request_parameter("x", as_string("y")) + input("x", "UINT8", 1, parameter(4, "binary_data_size", as_int64(4))) +
      sized(6, sized(1, "y") + parameter(2, "binary_data", number(1, 1))) + sized(7, "a");
  EXPECT_TRUE(decode(message, request).ok());
}

TEST(ModelInferDecoder, RefusesARequestWithoutAModel) { expect_refused("", "expected the name of a model, got none"); }

TEST(ModelInferDecoder, RefusesAHugeNumberOfTensors) {
  std::string inputs, outputs;
  for (int i = 0; i < 1025; ++i) inputs += input(std::to_string(i), "FP32", 0);
  for (int i = 0; i < 1025; ++i) outputs += sized(6, sized(1, std::to_string(i)));
  expect_refused(kModelM + inputs, "model 'm': expected at most 1024 inputs, got 1025");
  expect_refused(kModelM + outputs, "model 'm': expected at most 1024 wanted outputs, got 1025");
}

}  // namespace
}  // namespace pyserver
