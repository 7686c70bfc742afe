// What is read of answers. The comparisons themselves are tested from Python, against protobuf's own messages
// (tests/python/loadgen/engine/test_engine_answers.py).
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "loadgen/answer_check.h"
#include "loadgen/answer_fields.h"

namespace pyserver::loadgen::test {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A length-delimited field of less than 128 bytes, with a number below 16.
std::string field(int number, std::string_view content) {
  std::string out{static_cast<char>(number << 3 | 2), static_cast<char>(content.size())};
  return out.append(content);
}

std::string varint_field(int number, int value) { return {static_cast<char>(number << 3), static_cast<char>(value)}; }

std::string predict_response() {
  const std::string tensor = varint_field(1, 11) + field(3, std::string("\0\0\x80\x3f", 4));  // FP32: 1
  const std::string ledger = varint_field(3, 100) + varint_field(6, 7) + varint_field(9, 4);
  return field(1, "model") + field(4, field(1, "OUT") + field(2, tensor)) + field(5, ledger);
}

TEST(AnswerFields, TheLedgerIsReadWhereThereIsOne) {
  const std::optional<Ledger> ledger = read_ledger(bytes_of(predict_response()));
  ASSERT_TRUE(ledger.has_value());
  EXPECT_EQ(ledger->queue_us, 100u);
  EXPECT_EQ(ledger->execute_us, 7u);
  EXPECT_EQ(ledger->batch_size, 4u);
  EXPECT_FALSE(read_ledger(bytes_of(field(1, "model"))).has_value());
}

TEST(AnswerFields, AStreamsAnswerNamesItsRequest) {
  const std::string message = field(1, "id") + field(2, predict_response());
  const Result<StreamAnswer> answer = read_stream_answer(IdReader::kPredict, bytes_of(message));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->id, "id");
  EXPECT_EQ(text_of(answer->response), predict_response());
  EXPECT_FALSE(answer->error.has_value());
}

TEST(AnswerFields, AStreamsAnswerTellsThatARequestFailed) {
  const std::string predict = field(1, "id") + field(3, varint_field(1, 5) + field(2, "gone"));
  const Result<StreamAnswer> answer = read_stream_answer(IdReader::kPredict, bytes_of(predict));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->id, "id");
  ASSERT_TRUE(answer->error.has_value());
  EXPECT_EQ(answer->error->name(), "NOT_FOUND");
  EXPECT_EQ(answer->sentence, "gone");

  const std::string infer = field(1, "gone") + field(2, field(1, "model") + field(3, "id"));
  const Result<StreamAnswer> other = read_stream_answer(IdReader::kOpenInference, bytes_of(infer));
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->id, "id");
  ASSERT_TRUE(other->error.has_value());
  EXPECT_EQ(other->error->name(), "UNKNOWN");
}

// Whatever a server sends, it is told apart from what was expected, and nothing beyond it is read (the sanitizers
// look).
TEST(AnswerCheck, DamagedAnswersAreWrongAndDoNoHarm) {
  const std::string whole = predict_response();
  const std::string contents("\0\0\x80\x3f", 4);
  const auto expectation = [&](AnswerForm form) {
    const std::span<const std::byte> bytes = bytes_of(contents);
    return Expectation{form, {{"OUT", Datatype::kFp32, {bytes.begin(), bytes.end()}}}, 0.5, 0};
  };
  AnswerCheck check;
  EXPECT_TRUE(check.check(expectation(AnswerForm::kPredict), bytes_of(whole)).ok());
  const std::size_t outputs_end = whole.size() - 8;  // then comes the ledger
  for (std::size_t size = 0; size < outputs_end; ++size) {
    const std::string cut = whole.substr(0, size);  // memory of its own: a byte too far is seen
    EXPECT_FALSE(check.check(expectation(AnswerForm::kPredict), bytes_of(cut)).ok()) << size;
    read_ledger(bytes_of(cut));
  }
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = whole;
    for (int times = 0; times < 3; ++times) damaged[random() % damaged.size()] = static_cast<char>(random());
    for (const AnswerForm form : {AnswerForm::kPredict, AnswerForm::kOpenInference, AnswerForm::kTensorflow}) {
      const Status status = check.check(expectation(form), bytes_of(damaged));
      EXPECT_TRUE(status.ok() || !status.message().empty());
    }
    read_ledger(bytes_of(damaged));
    for (const IdReader reader : {IdReader::kPredict, IdReader::kOpenInference}) {
      const Result<StreamAnswer> answer = read_stream_answer(reader, bytes_of(damaged));
      EXPECT_TRUE(!answer.ok() || answer->response.size() <= damaged.size());
    }
  }
}

}  // namespace
}  // namespace pyserver::loadgen::test
