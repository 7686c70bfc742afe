#include "processing/processing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "memory/allocator.h"
#include "processing/batch_processor.h"

namespace pyserver {
namespace {

// From a text to a row of UINT8, one for each character, doubled; a text that begins with '!' cannot be read, one with
// '?' only while it is run.
class Letters final : public Op {
 public:
  std::string_view name() const noexcept override { return "letters"; }
  Result<RowSpec> check(const RowSpec& input) const override {
    if (input != RowSpec{Datatype::kBytes, {}})
      return invalid_argument(concat("expected a text, got ", to_string(input)));
    return RowSpec{Datatype::kUint8, {-1}};
  }
  Result<Shape> shape_for(const TensorView& input) const override {
    const std::string_view text = text_of(input);
    if (text.starts_with('!')) return invalid_argument("it begins with '!'");
    return Shape{static_cast<std::int64_t>(text.size())};
  }
  Status run(const TensorView& input, std::span<std::byte> output, RowContext& context) const override {
    const std::string_view text = text_of(input);
    if (text.starts_with('?')) return invalid_argument("it begins with '?'");
    std::ranges::transform(text, output.begin(), [](char c) { return static_cast<std::byte>(2 * c); });
    context.geometry.source_width = static_cast<std::int64_t>(text.size());
    return {};
  }

 private:
  static std::string_view text_of(const TensorView& input) {
    std::span<const std::byte> rest = input.bytes;
    const auto element = take_bytes_element(rest);
    return {reinterpret_cast<const char*>(element.data()), element.size()};
  }
};

// One number, FP32 → the width of the row's picture, as a text after it.
class Width final : public Op {
 public:
  std::string_view name() const noexcept override { return "width"; }
  Result<RowSpec> check(const RowSpec&) const override { return RowSpec{Datatype::kBytes, {1}}; }
  Result<Shape> shape_for(const TensorView&) const override { return Shape{1}; }
  Status run(const TensorView&, std::span<std::byte>, RowContext&) const override { return internal_error("texts"); }
  Status append_texts(const TensorView&, std::vector<std::byte>& output, RowContext& context) const override {
    const std::string text = std::to_string(context.geometry.source_width);
    for (const std::size_t byte : {text.size(), std::size_t{0}, std::size_t{0}, std::size_t{0}}) {
      output.push_back(static_cast<std::byte>(byte));
    }
    for (const char c : text) output.push_back(static_cast<std::byte>(c));
    return {};
  }
};

template <typename T>
std::vector<std::unique_ptr<Op>> one() {
  std::vector<std::unique_ptr<Op>> ops;
  ops.push_back(std::make_unique<T>());
  return ops;
}

std::string packed(std::initializer_list<std::string_view> texts) {
  std::string bytes;
  for (const std::string_view text : texts) {
    bytes += static_cast<char>(text.size());
    bytes += std::string(3, '\0');
    bytes += text;
  }
  return bytes;
}

ModelSignature signature(std::int64_t max_batch_size) {
  ModelSignature made;
  made.inputs = {{"x", Datatype::kUint8, {-1}}, {"bias", Datatype::kFp32, {1}}};
  made.outputs = {{"y", Datatype::kFp32, {1}}};
  made.max_batch_size = max_batch_size;
  return made;
}

const TensorSpec kText{"text", Datatype::kBytes, {}};

class ProcessingTest : public testing::Test {
 protected:
  // A request for `texts`, as admission leaves it; the bytes must outlive it.
  std::unique_ptr<Request> request(const std::string& bytes, std::int64_t rows) {
    auto made = std::make_unique<Request>();
    made->rows = rows;
    made->inputs.push_back({"text", Datatype::kBytes, {rows}, std::as_bytes(std::span(bytes))});
    made->inputs.push_back({"bias", Datatype::kFp32, {rows, 1}, {}});
    return made;
  }

  HostAllocator allocator_;
  std::shared_ptr<BufferPool> pool_ = BufferPool::create(allocator_, {});
};

TEST_F(ProcessingTest, GivesTheModelTwoFaces) {
  Processing processing(signature(8));
  ASSERT_EQ(processing.add_input(kText, "x", one<Letters>()), Status());
  ASSERT_EQ(processing.add_output("y", one<Width>()), Status());
  EXPECT_EQ(processing.client().inputs, (std::vector<TensorSpec>{kText, {"bias", Datatype::kFp32, {1}}}));
  EXPECT_EQ(processing.client().outputs, (std::vector<TensorSpec>{{"y", Datatype::kBytes, {1}}}));
  EXPECT_EQ(processing.model().inputs, signature(8).inputs);
  EXPECT_TRUE(processing.makes_input(0));
  EXPECT_FALSE(processing.makes_input(1));
}

TEST_F(ProcessingTest, ChainsThatDoNotFitTheModelAreRefusedWithInputOpAndMismatch) {
  Processing processing(signature(8));
  EXPECT_EQ(processing.add_input(kText, "z", one<Letters>()),
            invalid_argument("the model has no input 'z': expected 'x', 'bias'"));
  EXPECT_EQ(processing.add_input({"text", Datatype::kFp32, {2}}, "x", one<Letters>()),
            invalid_argument("input 'text': op 1 (letters): expected a text, got FP32 [2]"));
  EXPECT_EQ(processing.add_input(kText, "bias", one<Letters>()),
            invalid_argument("input 'text': its ops give UINT8 [-1], but the model's input 'bias' takes FP32 [1]"));
  EXPECT_EQ(processing.add_input({"bias", Datatype::kBytes, {}}, "x", one<Letters>()),
            invalid_argument("input 'bias': another input has that name"));
  ASSERT_TRUE(processing.add_input(kText, "x", one<Letters>()).ok());
  EXPECT_EQ(processing.add_input(kText, "x", one<Letters>()), invalid_argument("input 'x' is made twice"));
  EXPECT_EQ(processing.add_output("z", one<Width>()), invalid_argument("the model has no output 'z': expected 'y'"));
  EXPECT_EQ(processing.add_output("y", one<Letters>()),
            invalid_argument("output 'y': op 1 (letters): expected a text, got FP32 [1]"));
}

TEST_F(ProcessingTest, WhatTheModelFixesMustNotBeLeftToTheRow) {
  ModelSignature fixed = signature(8);
  fixed.inputs[0].shape = {4};
  EXPECT_EQ(Processing(fixed).add_input(kText, "x", one<Letters>()),
            invalid_argument("input 'text': its ops give UINT8 [-1], but the model's input 'x' takes UINT8 [4]"));
}

TEST_F(ProcessingTest, AModelThatDoesNotBatchMayWantALeadingOne) {
  ModelSignature lone = signature(0);
  lone.inputs[0].shape = {1, -1};
  Processing processing(lone);
  ASSERT_EQ(processing.add_input(kText, "x", one<Letters>()), Status());
  const std::string bytes = packed({"abc"});
  const auto sent = request(bytes, 1);
  sent->inputs[0].shape = {};
  ASSERT_EQ(processing.plan(*sent), Status());
  EXPECT_EQ(sent->inputs[0].shape, (Shape{1, 3}));
}

TEST_F(ProcessingTest, AnOutputsLeadingOneIsNotTheChainsBusiness) {
  ModelSignature lone = signature(0);
  lone.outputs[0].shape = {1, 1};
  Processing processing(lone);
  ASSERT_EQ(processing.add_output("y", one<Width>()), Status());
  EXPECT_EQ(processing.client().outputs[0].shape, (Shape{1, 1}));
  BatchProcessor processor(processing, *pool_, 1);
  const std::vector<float> answer(1);
  const TensorView output{"y", Datatype::kFp32, {1, 1}, std::as_bytes(std::span(answer))};
  const auto processed = processor.postprocess({&output, 1});
  ASSERT_TRUE(processed.ok());
  EXPECT_EQ(processed->front().shape, (Shape{1, 1}));
}

TEST_F(ProcessingTest, PlansTheModelsShapesBeforeAnythingIsComputed) {
  Processing processing(signature(8));
  ASSERT_TRUE(processing.add_input(kText, "x", one<Letters>()).ok());
  const std::string alike = packed({"abc", "def"});
  const auto planned = request(alike, 2);
  ASSERT_EQ(processing.plan(*planned), Status());
  EXPECT_EQ(planned->inputs[0].name, "x");
  EXPECT_EQ(planned->inputs[0].shape, (Shape{2, 3}));
  EXPECT_EQ(planned->sources[0].name, "text");

  const std::string different = packed({"abc", "de"});
  EXPECT_EQ(processing.plan(*request(different, 2)),
            invalid_argument("input 'text': row 1: it is made into [2], but row 0 into [3]: the rows of one request "
                             "must be made alike"));
  const std::string bad = packed({"!"});
  EXPECT_EQ(processing.plan(*request(bad, 1)), invalid_argument("input 'text': letters: it begins with '!'"));
}

TEST_F(ProcessingTest, MakesTheRowsOfABatchAndBlamesOnlyTheRequestWhoseRowIsBad) {
  Processing processing(signature(8));
  ASSERT_TRUE(processing.add_input(kText, "x", one<Letters>()).ok());
  ASSERT_TRUE(processing.add_output("y", one<Width>()).ok());
  const std::string first = packed({"ab", "cd"});
  const std::string second = packed({"?!"});
  const std::string third = packed({"ef"});
  std::vector<std::unique_ptr<Request>> requests;
  requests.push_back(request(first, 2));
  requests.push_back(request(second, 1));
  requests.push_back(request(third, 1));
  for (const auto& each : requests) ASSERT_TRUE(processing.plan(*each).ok());

  for (const std::size_t threads : {1U, 3U}) {
    BatchProcessor processor(processing, *pool_, threads);
    std::vector<std::byte> room(8);
    const std::span<std::byte> rooms[] = {room, {}};
    std::vector<Status> statuses;
    processor.preprocess(requests, rooms, statuses);
    EXPECT_EQ(statuses, (std::vector<Status>{{}, invalid_argument("input 'text': letters: it begins with '?'"), {}}));
    const std::string_view made(reinterpret_cast<const char*>(room.data()), room.size());
    for (const std::size_t index : {0U, 1U, 2U, 3U, 6U, 7U}) {
      EXPECT_EQ(made[index], static_cast<char>(2 * "abcd??ef"[index])) << index;
    }

    // Each answer knows its own row's picture.
    const std::vector<float> answers(4);
    const TensorView output{"y", Datatype::kFp32, {4, 1}, std::as_bytes(std::span(answers))};
    const auto processed = processor.postprocess({&output, 1});
    ASSERT_TRUE(processed.ok());
    EXPECT_EQ(processed->front().datatype, Datatype::kBytes);
    EXPECT_EQ(processed->front().shape, (Shape{4, 1}));
    const std::string expected = packed({"2", "2", "0", "2"});
    EXPECT_TRUE(std::ranges::equal(processed->front().bytes, std::as_bytes(std::span(expected))));
  }
}

}  // namespace
}  // namespace pyserver
