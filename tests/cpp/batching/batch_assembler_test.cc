#include "batching/batch_assembler.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "batching/sample_requests.h"

namespace pyserver {
namespace {

std::span<const std::byte> bytes_of(const auto& values) { return std::as_bytes(std::span(values)); }

std::string bytes_elements(std::initializer_list<std::string_view> elements) {
  std::string contents;
  for (const std::string_view element : elements) {
    const auto length = static_cast<std::uint32_t>(element.size());
    contents.append({static_cast<char>(length), 0, 0, 0});
    contents.append(element);
  }
  return contents;
}

std::string text_of(std::span<const std::byte> bytes) {
  std::string text(bytes.size(), '\0');
  if (!bytes.empty()) std::memcpy(text.data(), bytes.data(), bytes.size());
  return text;
}

class BatchAssemblerTest : public testing::Test {
 protected:
  BatchAssemblerTest() {
    signature.inputs = {{"x", Datatype::kFp32, {2}}};
    signature.outputs = {{"y", Datatype::kFp32, {2}}};
    signature.max_batch_size = 8;
  }

  void add(Batch& batch, TensorView input) {
    auto request = request_of(outcome, input.shape, {});
    request->inputs[0] = input;
    batch.rows += request->rows;
    batch.requests.push_back(std::move(request));
  }

  Outcome outcome;
  ModelSignature signature;
  HostAllocator allocator;
  std::shared_ptr<BufferPool> pool = BufferPool::create(allocator);
  ModelMetrics metrics;
};

TEST_F(BatchAssemblerTest, LeavesTheBytesOfALoneRequestWhereTheyLie) {
  BatchAssembler assembler(signature, *pool, metrics);
  alignas(4) const std::array<float, 2> row{1, 2};
  Batch batch;
  add(batch, {"x", Datatype::kFp32, {1, 2}, bytes_of(row)});
  const auto inputs = assembler.gather(batch);
  ASSERT_TRUE(inputs.ok());
  EXPECT_EQ(inputs->front().bytes.data(), bytes_of(row).data());
  EXPECT_EQ(metrics.copied_inputs.value(), 0u);
  EXPECT_EQ(pool->stats().used_bytes, 0u);
}

TEST_F(BatchAssemblerTest, MovesOnlyTheMisalignedInputsOfALoneRequestAndCountsThem) {
  signature.inputs.push_back({"text", Datatype::kBytes, {1}});
  BatchAssembler assembler(signature, *pool, metrics);
  const std::array<float, 2> row{1, 2};
  alignas(4) std::array<std::byte, 9> shifted;
  std::memcpy(shifted.data() + 1, row.data(), 8);
  const std::string text = bytes_elements({"odd"});
  Batch batch;
  add(batch, {"x", Datatype::kFp32, {1, 2}, std::span(shifted).subspan(1)});
  batch.requests[0]->inputs.push_back({"text", Datatype::kBytes, {1, 1}, bytes_of(text)});
  const auto inputs = assembler.gather(batch);
  ASSERT_TRUE(inputs.ok());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>((*inputs)[0].bytes.data()) % 4, 0u);
  EXPECT_EQ(text_of((*inputs)[0].bytes), text_of(bytes_of(row)));
  EXPECT_EQ((*inputs)[1].bytes.data(), bytes_of(text).data());
  EXPECT_EQ(metrics.copied_inputs.value(), 1u);
}

TEST_F(BatchAssemblerTest, GathersRowsInTheOrderOfTheRequestsAndReusesItsSpace) {
  BatchAssembler assembler(signature, *pool, metrics);
  const std::array<float, 4> first{1, 2, 3, 4};
  const std::array<float, 2> second{5, 6};
  Batch batch;
  add(batch, {"x", Datatype::kFp32, {2, 2}, bytes_of(first)});
  add(batch, {"x", Datatype::kFp32, {1, 2}, bytes_of(second)});
  const std::byte* space = nullptr;
  for (int round = 0; round < 3; ++round) {
    const auto inputs = assembler.gather(batch);
    ASSERT_TRUE(inputs.ok());
    const TensorView& gathered = inputs->front();
    EXPECT_EQ(gathered.shape, (Shape{3, 2}));
    EXPECT_EQ(gathered.name, "x");
    EXPECT_EQ(text_of(gathered.bytes), text_of(bytes_of(first)) + text_of(bytes_of(second)));
    if (round > 0) {
      EXPECT_EQ(gathered.bytes.data(), space);
    }
    space = gathered.bytes.data();
  }
  EXPECT_EQ(pool->stats().allocated, 1u);
  EXPECT_EQ(metrics.copied_inputs.value(), 0u);
}

TEST_F(BatchAssemblerTest, TellsAnEngineThatGathersWhereTheRowsLieAndCopiesNothing) {
  signature.inputs.push_back({"n", Datatype::kInt32, {}});
  BatchAssembler assembler(signature, *pool, metrics);
  const std::array<float, 4> first{1, 2, 3, 4};
  alignas(4) std::array<std::byte, 9> second{};
  const std::array<std::int32_t, 3> numbers{10, 20, 30};
  Batch batch;
  add(batch, {"x", Datatype::kFp32, {2, 2}, bytes_of(first)});
  add(batch, {"x", Datatype::kFp32, {1, 2}, std::span(second).subspan(1)});  // alignment does not matter
  batch.requests[0]->inputs.push_back({"n", Datatype::kInt32, {2}, bytes_of(numbers).first(8)});
  batch.requests[1]->inputs.push_back({"n", Datatype::kInt32, {1}, bytes_of(numbers).last(4)});
  for (int round = 0; round < 2; ++round) {
    const auto inputs = assembler.scatter(batch);
    ASSERT_TRUE(inputs.ok());
    ASSERT_EQ(inputs->size(), 2u);
    const ScatteredTensor& x = (*inputs)[0];
    EXPECT_EQ(x.whole.name, "x");
    EXPECT_EQ(x.whole.shape, (Shape{3, 2}));
    EXPECT_TRUE(x.whole.bytes.empty());
    ASSERT_EQ(x.parts.size(), 2u);
    EXPECT_EQ(x.parts[0].data(), bytes_of(first).data());
    EXPECT_EQ(x.parts[1].data(), second.data() + 1);
    const ScatteredTensor& n = (*inputs)[1];
    EXPECT_EQ(n.whole.shape, (Shape{3}));
    ASSERT_EQ(n.parts.size(), 2u);
    EXPECT_EQ(n.parts[1].data(), bytes_of(numbers).data() + 8);
  }
  EXPECT_EQ(pool->stats().allocated, 0u);
  EXPECT_EQ(metrics.copied_inputs.value(), 0u);
}

TEST_F(BatchAssemblerTest, TellsWhichPartsLieOnADevice) {
  BatchAssembler assembler(signature, *pool, metrics);
  const std::array<float, 2> row{1, 2};
  Batch batch;
  add(batch, {"x", Datatype::kFp32, {1, 2}, bytes_of(row)});
  const auto on_host = assembler.scatter(batch);
  ASSERT_TRUE(on_host.ok());
  EXPECT_TRUE(on_host->front().device_parts.empty());
  add(batch, {"x", Datatype::kFp32, {1, 2}, {}, 0, 0x7000});
  const auto mixed = assembler.scatter(batch);
  ASSERT_TRUE(mixed.ok());
  ASSERT_EQ(mixed->front().device_parts.size(), 2u);
  EXPECT_EQ(mixed->front().device_parts[0], 0u);
  EXPECT_EQ(mixed->front().device_parts[1], 0x7000u);
}

TEST_F(BatchAssemblerTest, WhatIsMadeIsOnePartOfAScatteredBatch) {
  BatchAssembler assembler(signature, *pool, metrics, {true});
  Batch batch;
  add(batch, {"x", Datatype::kFp32, {2, 2}, {}});
  add(batch, {"x", Datatype::kFp32, {1, 2}, {}});
  const auto inputs = assembler.scatter(batch);
  ASSERT_TRUE(inputs.ok());
  const ScatteredTensor& x = inputs->front();
  EXPECT_EQ(x.whole.shape, (Shape{3, 2}));
  ASSERT_EQ(x.parts.size(), 1u);
  EXPECT_EQ(x.parts[0].size(), 24u);
  EXPECT_EQ(x.parts[0].data(), assembler.rooms()[0].data());
}

TEST_F(BatchAssemblerTest, LeavesAbsentInputsAbsent) {
  BatchAssembler assembler(signature, *pool, metrics);
  Batch batch;
  add(batch, TensorView{});
  add(batch, TensorView{});
  const auto inputs = assembler.gather(batch);
  ASSERT_TRUE(inputs.ok());
  EXPECT_EQ(inputs->front().shape.rank(), 0u);
  EXPECT_TRUE(inputs->front().bytes.empty());
  const auto scattered = assembler.scatter(batch);
  ASSERT_TRUE(scattered.ok());
  EXPECT_TRUE(scattered->front().parts.empty());
}

TEST_F(BatchAssemblerTest, ConcatenatesBytesElementsAndSlicesThemApartAgain) {
  signature.inputs = {{"x", Datatype::kBytes, {2}}};
  signature.outputs = {{"y", Datatype::kBytes, {2}}, {"n", Datatype::kInt32, {}}};
  BatchAssembler assembler(signature, *pool, metrics);
  const std::string first = bytes_elements({"a", "", "long one", "b"});
  const std::string second = bytes_elements({"c", "dd"});
  const std::string third = bytes_elements({"", ""});
  Batch batch;
  add(batch, {"x", Datatype::kBytes, {2, 2}, bytes_of(first)});
  add(batch, {"x", Datatype::kBytes, {1, 2}, bytes_of(second)});
  add(batch, {"x", Datatype::kBytes, {1, 2}, bytes_of(third)});
  const auto inputs = assembler.gather(batch);
  ASSERT_TRUE(inputs.ok());
  const std::array<std::int32_t, 4> numbers{10, 20, 30, 40};
  const std::vector<TensorView> outputs{{"y", Datatype::kBytes, {4, 2}, inputs->front().bytes},
                                        {"n", Datatype::kInt32, {4}, bytes_of(numbers)}};
  ASSERT_TRUE(assembler.check_outputs(batch, outputs).ok());

  const auto expect_slice = [&](std::size_t request, std::int64_t row, const std::string& text, std::int32_t number) {
    const auto slice = assembler.slice(batch, *batch.requests[request], row, outputs);
    EXPECT_EQ(slice[0].shape, (Shape{batch.requests[request]->rows, 2}));
    EXPECT_EQ(text_of(slice[0].bytes), text);
    std::int32_t first_number = 0;
    std::memcpy(&first_number, slice[1].bytes.data(), sizeof first_number);
    EXPECT_EQ(first_number, number);
    EXPECT_EQ(slice[1].shape[0], batch.requests[request]->rows);
  };
  expect_slice(0, 0, first, 10);
  expect_slice(1, 2, second, 30);
  expect_slice(2, 3, third, 40);
  // Any other order works too.
  expect_slice(1, 2, second, 30);
  expect_slice(0, 0, first, 10);
  expect_slice(2, 3, third, 40);
}

TEST_F(BatchAssemblerTest, GivesALoneRequestTheOutputsThemselves) {
  BatchAssembler assembler(signature, *pool, metrics);
  Batch batch;
  add(batch, {"x", Datatype::kFp32, {1, 2}, {}});
  const std::vector<TensorView> outputs(1);
  EXPECT_EQ(assembler.slice(batch, *batch.requests[0], 0, outputs).data(), outputs.data());
}

TEST_F(BatchAssemblerTest, NamesTheOutputThatTheModelGotWrong) {
  BatchAssembler assembler(signature, *pool, metrics);
  const std::array<float, 4> values{};
  Batch batch;
  add(batch, {"x", Datatype::kFp32, {2, 2}, {}});
  const auto expect_wrong = [&](const std::vector<TensorView>& outputs, std::string_view what) {
    const Status status = assembler.check_outputs(batch, outputs);
    EXPECT_EQ(status.code(), StatusCode::kInternal);
    EXPECT_NE(status.message().find(what), std::string::npos) << status.message();
  };
  EXPECT_TRUE(
      assembler.check_outputs(batch, std::vector<TensorView>{{"y", Datatype::kFp32, {2, 2}, bytes_of(values)}}).ok());
  expect_wrong({}, "0 outputs, expected 1");
  expect_wrong({{"y", Datatype::kInt32, {2, 2}, bytes_of(values)}}, "'y' is wrong: expected FP32, got INT32");
  expect_wrong({{"y", Datatype::kFp32, {1, 4}, bytes_of(values)}}, "expected 2 rows, got shape [1, 4]");
  expect_wrong({{"y", Datatype::kFp32, {}, bytes_of(values)}}, "expected 2 rows");
  expect_wrong({{"y", Datatype::kFp32, {2, 3}, bytes_of(values)}}, "expected 24 bytes");
}

TEST_F(BatchAssemblerTest, ReportsThatThePoolHasNoMemory) {
  const auto small = BufferPool::create(allocator, {.max_bytes = 256, .max_idle_bytes = 0});
  BatchAssembler assembler(signature, *small, metrics);
  const std::vector<float> values(200);
  Batch batch;
  add(batch, {"x", Datatype::kFp32, {100, 2}, bytes_of(values)});
  add(batch, {"x", Datatype::kFp32, {100, 2}, bytes_of(values)});
  const auto inputs = assembler.gather(batch);
  ASSERT_FALSE(inputs.ok());
  EXPECT_EQ(inputs.status().code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace pyserver
