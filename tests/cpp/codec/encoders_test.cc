// The bytes of responses. That protobuf reads them as they were meant is checked by
// tests/python/test_codec_against_protobuf.py.
#include <gtest/gtest.h>

#include <array>

#include "codec/open_inference_codec.h"
#include "codec/predict_codec.h"
#include "codec/wire_message.h"

namespace pyserver {
namespace {

using test::number;
using test::raw;
using test::sized;
using test::tensor;
using test::text_of;

const ResponseHead kHead{.model = "m", .version = 3, .id = "id"};
const std::string kFloats = raw({1.5f, -2.0f});
const std::string kStrings("\2\0\0\0ab\0\0\0\0", 10);

const Loan kNoLoan;

std::string encoded(const Result<Buffer>& buffer) {
  EXPECT_TRUE(buffer.ok()) << buffer.status().message();
  return buffer.ok() ? text_of(buffer->bytes()) : "";
}
std::string encoded(const Result<Message>& message) {
  EXPECT_TRUE(message.ok()) << message.status().message();
  if (!message.ok()) return "";
  std::string text(message->size(), '\0');
  message->copy_to(reinterpret_cast<std::byte*>(text.data()));
  return text;
}

TEST(PredictEncoder, WritesNumbersRawAndByteStringsAsElements) {
  const std::array outputs = {tensor("x", Datatype::kFp32, {2, 1}, kFloats),
                              tensor("y", Datatype::kBytes, {2}, kStrings)};
  const std::string x = number(1, 11) + sized(2, "\2\1") + sized(3, kFloats);
  const std::string y = number(1, 13) + sized(2, "\2") + sized(4, sized(1, "ab") + sized(1, ""));
  EXPECT_EQ(encoded(encode_predict_response(kHead, outputs, {}, kNoLoan, *test::pool)),
            sized(1, "m") + number(2, 3) + sized(3, "id") + sized(4, sized(1, "x") + sized(2, x)) +
                sized(4, sized(1, "y") + sized(2, y)));
}

TEST(PredictEncoder, TakesTheLedgerAfterAllElseAndWritesItLast) {
  // An output whose bytes are changed by the ledger's callback: had it been called before, they would be written.
  std::string contents = "before";
  const std::array outputs = {tensor("x", Datatype::kUint8, {6}, contents)};
  const auto ledger = [&contents] {
    contents.replace(0, 6, "after!");
    return Ledger{.receive_us = 1, .encode_us = 300, .batch_size = 4};
  };
  const std::string message = encoded(encode_predict_response(kHead, outputs, ledger, kNoLoan, *test::pool));
  EXPECT_TRUE(message.ends_with(sized(3, "before") + sized(5, number(1, 1) + number(8, 300) + number(9, 4))));
}

TEST(PredictEncoder, HasRoomForTheLargestLedger) {
  const auto ledger = [] {
    return Ledger{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
                  UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT32_MAX};
  };
  // 256 bytes are a whole block of the pool, so that one byte more would lie outside of it.
  const std::string contents(121, 'c');
  const std::array outputs = {tensor("x", Datatype::kUint8, {121}, contents)};
  const std::string message = encoded(encode_predict_stream_response(kHead, outputs, ledger, kNoLoan, *test::pool));
  EXPECT_TRUE(message.ends_with(number(8, UINT64_MAX) + number(9, UINT32_MAX)));
}

TEST(PredictEncoder, WritesErrorsOfAStream) {
  EXPECT_EQ(encoded(encode_predict_stream_error("id", not_found("no model 'm'"), *test::pool)),
            sized(1, "id") + sized(3, number(1, 5) + sized(2, "no model 'm'")));
}

TEST(PredictEncoder, WritesErrorMessagesThatAreNotUtf8SoThatTheyCanBeRead) {
  EXPECT_EQ(encoded(encode_predict_stream_error("id", internal_error("bad \xff"), *test::pool)),
            sized(1, "id") + sized(3, number(1, 13) + sized(2, "'bad \\xff'")));
}

TEST(ModelInferEncoder, WritesRawContentsOneForEachOutput) {
  const std::array outputs = {tensor("x", Datatype::kFp32, {2}, kFloats), tensor("y", Datatype::kBytes, {0}, "")};
  EXPECT_EQ(encoded(encode_model_infer_response(kHead, outputs, false, kNoLoan, *test::pool)),
            sized(1, "m") + sized(2, "3") + sized(3, "id") +
                sized(5, sized(1, "x") + sized(2, "FP32") + sized(3, "\2")) +
                sized(5, sized(1, "y") + sized(2, "BYTES") + sized(3, std::string(1, '\0'))) + sized(6, kFloats) +
                sized(6, ""));
}

TEST(ModelInferEncoder, WritesTypedContentsWhereAsked) {
  const std::string numbers = raw<std::int16_t>({1, -1});
  const std::array outputs = {tensor("x", Datatype::kInt16, {2}, numbers),
                              tensor("y", Datatype::kBytes, {2}, kStrings)};
  const std::string minus_one = test::varint(UINT64_MAX);
  EXPECT_EQ(
      encoded(encode_model_stream_infer_response(kHead, outputs, true, kNoLoan, *test::pool)),
      sized(2, sized(1, "m") + sized(2, "3") + sized(3, "id") +
                   sized(5, sized(1, "x") + sized(2, "INT16") + sized(3, "\2") + sized(5, sized(2, "\1" + minus_one))) +
                   sized(5, sized(1, "y") + sized(2, "BYTES") + sized(3, "\2") +
                                sized(5, sized(8, "ab") + sized(8, "")))));
}

TEST(ModelInferEncoder, WritesAllOutputsRawWhereOneHasNoTypedForm) {
  const std::array outputs = {tensor("x", Datatype::kFp32, {2}, kFloats), tensor("y", Datatype::kBf16, {1}, "ab")};
  EXPECT_EQ(encoded(encode_model_infer_response(kHead, outputs, true, kNoLoan, *test::pool)),
            encoded(encode_model_infer_response(kHead, outputs, false, kNoLoan, *test::pool)));
}

TEST(ModelInferEncoder, AnErrorOfAStreamIsNeverWithoutAMessage) {
  const std::string response = sized(2, sized(1, "m") + sized(3, "id"));
  const ResponseHead head{.model = "m", .id = "id"};
  EXPECT_EQ(encoded(encode_model_stream_infer_error(head, unavailable("stopping"), *test::pool)),
            sized(1, "stopping") + response);
  EXPECT_EQ(encoded(encode_model_stream_infer_error(head, cancelled(""), *test::pool)),
            sized(1, "CANCELLED") + response);
}

TEST(Encoders, RefuseOutputsThatDoNotHoldWhatTheyClaim) {
  const std::string beyond("\xff\xff\xff\x7fx", 5);
  const std::array outputs = {tensor("y", Datatype::kBytes, {1}, beyond)};
  const Status expected = internal_error(
      "model 'm': output 'y': the engine's tensor: BYTES element 0 claims 2147483647 bytes, but only 1 follow");
  EXPECT_EQ(encode_predict_response(kHead, outputs, {}, kNoLoan, *test::pool).status(), expected);
  EXPECT_EQ(encode_predict_stream_response(kHead, outputs, {}, kNoLoan, *test::pool).status(), expected);
  EXPECT_EQ(encode_model_infer_response(kHead, outputs, true, kNoLoan, *test::pool).status(), expected);
  EXPECT_EQ(encode_model_stream_infer_response(kHead, outputs, false, kNoLoan, *test::pool).status(), expected);
}

TEST(Encoders, SayWhenThePoolIsUsedUp) {
  HostAllocator allocator;
  const auto small = BufferPool::create(allocator, {.max_bytes = 0, .max_idle_bytes = 0});
  EXPECT_EQ(encode_predict_response(kHead, {}, {}, kNoLoan, *small).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(encode_model_infer_response(kHead, {}, false, kNoLoan, *small).status().code(),
            StatusCode::kResourceExhausted);
}

// What is written and lent, joined, is what is written where nothing is lent.
class LentContents : public testing::Test {
 protected:
  const std::string large_ = std::string(Loan::kSmallest, 'l');
  const std::string larger_ = std::string(Loan::kSmallest + 7, 'r');
  const std::string small_ = "small";
  const std::vector<TensorView> outputs_ = {
      tensor("a", Datatype::kUint8, {static_cast<std::int64_t>(large_.size())}, large_),
      tensor("b", Datatype::kUint8, {5}, small_),
      tensor("c", Datatype::kUint8, {static_cast<std::int64_t>(larger_.size())}, larger_),
      tensor("d", Datatype::kBytes, {2}, kStrings),
  };
  const std::shared_ptr<const int> owner_ = std::make_shared<const int>(0);
  const Loan everything_{owner_, {}};
  const std::function<Ledger()> ledger_ = [] { return Ledger{.receive_us = 1, .batch_size = 4}; };

  // The bytes that lie in the outputs' own memory.
  std::size_t lent_bytes(const Message& message) const {
    std::size_t size = 0;
    message.each_piece([&](std::span<const std::byte> piece) {
      for (const TensorView& output : outputs_) {
        if (piece.data() == output.bytes.data()) size += piece.size();
      }
    });
    return size;
  }
};

TEST_F(LentContents, OfPredictAreTheLargeRawOnes) {
  for (const auto& ledger : {std::function<Ledger()>(), ledger_}) {
    const auto lent = encode_predict_response(kHead, outputs_, ledger, everything_, *test::pool);
    ASSERT_TRUE(lent.ok());
    EXPECT_EQ(lent_bytes(*lent), large_.size() + larger_.size());
    EXPECT_EQ(encoded(lent), encoded(encode_predict_response(kHead, outputs_, ledger, kNoLoan, *test::pool)));
    const auto streamed = encode_predict_stream_response(kHead, outputs_, ledger, everything_, *test::pool);
    ASSERT_TRUE(streamed.ok());
    EXPECT_EQ(lent_bytes(*streamed), large_.size() + larger_.size());
    EXPECT_EQ(encoded(streamed),
              encoded(encode_predict_stream_response(kHead, outputs_, ledger, kNoLoan, *test::pool)));
  }
}

TEST_F(LentContents, OfModelInferAreTheLargeRawOnes) {
  const auto lent = encode_model_infer_response(kHead, outputs_, false, everything_, *test::pool);
  ASSERT_TRUE(lent.ok());
  EXPECT_EQ(lent_bytes(*lent), large_.size() + larger_.size());
  EXPECT_EQ(encoded(lent), encoded(encode_model_infer_response(kHead, outputs_, false, kNoLoan, *test::pool)));
  const auto streamed = encode_model_stream_infer_response(kHead, outputs_, false, everything_, *test::pool);
  ASSERT_TRUE(streamed.ok());
  EXPECT_EQ(encoded(streamed),
            encoded(encode_model_stream_infer_response(kHead, outputs_, false, kNoLoan, *test::pool)));
}

TEST_F(LentContents, AreNoneWhereContentsAreTyped) {
  const auto typed = encode_model_infer_response(kHead, outputs_, true, everything_, *test::pool);
  ASSERT_TRUE(typed.ok());
  EXPECT_TRUE(typed->is_one_piece());
  EXPECT_EQ(encoded(typed), encoded(encode_model_infer_response(kHead, outputs_, true, kNoLoan, *test::pool)));
}

TEST_F(LentContents, LieWithinTheRegionOfTheLoan) {
  const Loan region{owner_, std::as_bytes(std::span(larger_))};
  const auto lent = encode_model_infer_response(kHead, outputs_, false, region, *test::pool);
  ASSERT_TRUE(lent.ok());
  EXPECT_EQ(lent_bytes(*lent), larger_.size());
  EXPECT_EQ(encoded(lent), encoded(encode_model_infer_response(kHead, outputs_, false, kNoLoan, *test::pool)));
}

TEST_F(LentContents, AreKeptByTheMessage) {
  std::weak_ptr<const int> kept;
  {
    auto owner = std::make_shared<const int>(0);
    kept = owner;
    auto message = encode_model_infer_response(kHead, outputs_, false, {std::move(owner), {}}, *test::pool);
    ASSERT_TRUE(message.ok());
    EXPECT_FALSE(kept.expired());
  }
  EXPECT_TRUE(kept.expired());
}

}  // namespace
}  // namespace pyserver
