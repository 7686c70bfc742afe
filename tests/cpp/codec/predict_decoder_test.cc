#include <gtest/gtest.h>

#include "codec/predict_codec.h"
#include "codec/wire_message.h"

namespace pyserver {
namespace {

using test::bytes_of;
using test::number;
using test::raw;
using test::sized;
using test::text_of;
using test::varint;

constexpr std::uint64_t kFp32 = 11, kBytes = 13;

std::string shape(std::initializer_list<std::int64_t> dimensions) {
  std::string packed;
  for (std::int64_t dimension : dimensions) packed += varint(static_cast<std::uint64_t>(dimension));
  return sized(2, packed);
}

std::string input(std::string_view name, std::string_view tensor) {
  return sized(4, sized(1, name) + sized(2, tensor));
}

std::string fp32_tensor() { return number(1, kFp32) + shape({2}) + sized(3, raw({1.5f, -2.0f})); }

std::string elements(std::initializer_list<std::string_view> values) {
  std::string message;
  for (std::string_view value : values) message += sized(1, value);
  return sized(4, message);
}

const std::string kModelM = sized(1, "m");

void expect_refused(const std::string& message, std::string_view reason) {
  Request request;
  const Status status = decode_predict_request(bytes_of(std::string_view(message)), *test::pool, request);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), reason);
}

TEST(PredictDecoder, ReadsEverythingThatARequestSays) {
  const std::string message = kModelM + number(2, 3) + sized(3, "id-1") + input("x", fp32_tensor()) + sized(5, "y") +
                              sized(5, "z") + number(6, 2) + number(7, 1);
  Request request;
  ASSERT_TRUE(decode_predict_request(bytes_of(std::string_view(message)), *test::pool, request).ok());
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.version, 3);
  EXPECT_EQ(request.id, "id-1");
  EXPECT_EQ(request.priority, 2u);
  EXPECT_TRUE(request.wants_ledger);
  EXPECT_EQ(request.wanted_outputs.size(), 2u);
  ASSERT_EQ(request.inputs.size(), 1u);
  EXPECT_EQ(request.inputs[0].name, "x");
  EXPECT_EQ(request.inputs[0].datatype, Datatype::kFp32);
  EXPECT_EQ(request.inputs[0].shape, Shape({2}));
  EXPECT_EQ(text_of(request.inputs[0].bytes), raw({1.5f, -2.0f}));
}

TEST(PredictDecoder, LeavesRawContentsWhereTheyLie) {
  const std::string message = kModelM + input("x", fp32_tensor());
  Request request;
  ASSERT_TRUE(decode_predict_request(bytes_of(std::string_view(message)), *test::pool, request).ok());
  const auto* begin = reinterpret_cast<const std::byte*>(message.data());
  EXPECT_GE(request.inputs[0].bytes.data(), begin);
  EXPECT_LE(request.inputs[0].bytes.data() + request.inputs[0].bytes.size(), begin + message.size());
  EXPECT_TRUE(request.owned.empty());
}

TEST(PredictDecoder, PacksBytesElements) {
  const std::string message = kModelM + input("x", number(1, kBytes) + shape({3}) + elements({"ab", "", "c"}));
  Request request;
  ASSERT_TRUE(decode_predict_request(bytes_of(std::string_view(message)), *test::pool, request).ok());
  EXPECT_EQ(text_of(request.inputs[0].bytes), std::string("\2\0\0\0ab\0\0\0\0\1\0\0\0c", 15));
  EXPECT_EQ(request.owned.size(), 1u);
}

TEST(PredictDecoder, MergesATensorThatComesInSeveralPieces) {
  const std::string first = number(1, 1) + sized(2, varint(2)) + elements({"a"});
  const std::string second = number(2, 1) + number(1, kBytes) + elements({"b"});
  const std::string message = kModelM + sized(4, sized(2, first) + sized(1, "x") + sized(2, second));
  Request request;
  ASSERT_TRUE(decode_predict_request(bytes_of(std::string_view(message)), *test::pool, request).ok());
  EXPECT_EQ(request.inputs[0].shape, Shape({2, 1}));
  EXPECT_EQ(text_of(request.inputs[0].bytes), std::string("\1\0\0\0a\1\0\0\0b", 10));
}

TEST(PredictDecoder, TheLastContentsCount) {
  const std::string both = number(1, kBytes) + elements({"lost"}) + sized(3, std::string("\1\0\0\0a", 5));
  const std::string message = kModelM + input("x", both) + input("y", both + elements({"kept"}));
  Request request;
  ASSERT_TRUE(decode_predict_request(bytes_of(std::string_view(message)), *test::pool, request).ok());
  EXPECT_EQ(text_of(request.inputs[0].bytes), std::string("\1\0\0\0a", 5));
  EXPECT_EQ(text_of(request.inputs[1].bytes), std::string("\4\0\0\0kept", 8));
}

TEST(PredictDecoder, RefusesAMalformedMessageButKeepsModelAndId) {
  const std::string message = sized(3, "id-1") + kModelM + "\x22\x7f";
  Request request;
  const Status status = decode_predict_request(bytes_of(std::string_view(message)), *test::pool, request);
  EXPECT_EQ(status.message(), "model 'm': the message is malformed: a length that goes beyond the message, at byte 11");
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.id, "id-1");
}

TEST(PredictDecoder, NamesTheModelThoughItComesLast) {
  expect_refused(input("x", number(1, 99)) + kModelM, "model 'm': input 'x': expected a datatype of 1 to 14, got 99");
}

TEST(PredictDecoder, RefusesARequestWithoutAModel) { expect_refused("", "expected the name of a model, got none"); }

TEST(PredictDecoder, RefusesANegativeVersion) {
  expect_refused(kModelM + number(2, UINT64_MAX),
                 "model 'm': expected a version of 1 or more, or 0 for the default, got -1");
}

TEST(PredictDecoder, RefusesContentsThatDoNotMatchTheShape) {
  expect_refused(kModelM + input("x", number(1, kFp32) + shape({2, 2}) + sized(3, "abcd")),
                 "model 'm': input 'x': expected 16 bytes for FP32 of shape [2, 2], got 4");
  expect_refused(kModelM + input("x", number(1, kBytes) + shape({2}) + elements({"a"})),
                 "model 'm': input 'x': expected 2 BYTES elements for shape [2], got 1");
  expect_refused(kModelM + input("x", number(1, kBytes) + shape({1}) + sized(3, std::string("\xff\xff\xff\xff", 4))),
                 "model 'm': input 'x': BYTES element 0 claims 4294967295 bytes, but only 0 follow");
  expect_refused(kModelM + input("x", number(1, kFp32) + elements({"abcd"})),
                 "model 'm': input 'x': expected raw contents for FP32, got elements");
}

TEST(PredictDecoder, RefusesImpossibleShapes) {
  const std::string limits =
      "expected a shape without negative dimensions and of at most 9223372036854775807 elements, got ";
  expect_refused(kModelM + input("x", number(1, kFp32) + shape({-1})), "model 'm': input 'x': " + limits + "[-1]");
  expect_refused(kModelM + input("x", number(1, kFp32) + shape({1LL << 62, 4})),
                 "model 'm': input 'x': " + limits + "[4611686018427387904, 4]");
  expect_refused(kModelM + input("x", number(1, kFp32) + sized(2, std::string(17, '\1'))),
                 "model 'm': input 'x': expected at most 16 dimensions, got 17");
}

TEST(PredictDecoder, RefusesDuplicateInputsWhereProtobufWouldTakeTheLast) {
  expect_refused(kModelM + input("x", fp32_tensor()) + input("y", fp32_tensor()) + input("x", fp32_tensor()),
                 "model 'm': input 'x': expected one tensor of this name, got more than one");
}

TEST(PredictDecoder, FindsDuplicatesAmongManyNames) {
  std::string message = kModelM;
  for (int i = 0; i < 100; ++i) message += sized(5, "output" + std::to_string(i));
  Request request;
  ASSERT_TRUE(decode_predict_request(bytes_of(std::string_view(message)), *test::pool, request).ok());
  expect_refused(message + sized(5, "output7"),
                 "model 'm': output 'output7': expected to be asked for once, got more than once");
}

TEST(PredictDecoder, RefusesAHugeNumberOfTensors) {
  std::string outputs, inputs;
  for (int i = 0; i < 1025; ++i) outputs += sized(5, std::to_string(i));
  for (int i = 0; i < 1025; ++i) inputs += input(std::to_string(i), fp32_tensor());
  expect_refused(kModelM + outputs, "model 'm': expected at most 1024 wanted outputs, got 1025");
  expect_refused(kModelM + inputs, "model 'm': expected at most 1024 inputs, got 1025");
}

TEST(PredictDecoder, RefusesContentsInAMillionPieces) {
  std::string pieces;
  for (int i = 0; i < 1'000'000; ++i) pieces += sized(4, "");
  expect_refused(kModelM + input("x", number(1, kBytes) + pieces),
                 "model 'm': input 'x': expected contents in at most 1024 pieces, got more");
}

TEST(PredictDecoder, RefusesNamesThatAreNotUtf8) {
  expect_refused(kModelM + input("\xff", fp32_tensor()),
                 "model 'm': input '': the message is malformed: a string that is not UTF-8, at byte 7");
}

TEST(PredictDecoder, ShowsNamesSafely) {
  expect_refused(sized(1, "m\r\n") + input("x'\x1b", number(1, 99)),
                 "model 'm\\x0d\\x0a': input 'x\\x27\\x1b': expected a datatype of 1 to 14, got 99");
}

TEST(PredictDecoder, RefusesElementsThatNoPoolHasRoomFor) {
  HostAllocator allocator;
  const auto small = BufferPool::create(allocator, {.max_bytes = 256, .max_idle_bytes = 0});
  const std::string message =
      kModelM + input("x", number(1, kBytes) + shape({1}) + elements({std::string_view(std::string(300, 'a'))}));
  Request request;
  const Status status = decode_predict_request(bytes_of(std::string_view(message)), *small, request);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(status.message().starts_with("model 'm': input 'x': ")) << status.message();
}

TEST(PredictDecoder, ReadsTheRequestOutOfAStreamMessage) {
  // In two pieces: their sum is the request.
  const std::string message = sized(1, kModelM) + sized(1, input("x", fp32_tensor()));
  Request request;
  ASSERT_TRUE(decode_predict_stream_request(bytes_of(std::string_view(message)), *test::pool, request).ok());
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.inputs.size(), 1u);
}

}  // namespace
}  // namespace pyserver
