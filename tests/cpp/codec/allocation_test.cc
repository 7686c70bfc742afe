// Counts every allocation from the heap while a request is decoded: there must be none.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "codec/open_inference_codec.h"
#include "codec/predict_codec.h"
#include "codec/wire_message.h"

namespace {

std::atomic<std::size_t> allocations{0};

void* counted_allocation(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* block = std::malloc(size == 0 ? 1 : size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

}  // namespace

void* operator new(std::size_t size) { return counted_allocation(size); }
void* operator new[](std::size_t size) { return counted_allocation(size); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t) noexcept { std::free(block); }

namespace pyserver {
namespace {

using test::bytes_of;
using test::number;
using test::sized;

constexpr int kInputs = 8;

TEST(Allocations, AreSeenByThisTest) {
  const std::size_t before = allocations;
  // Through the operator itself: the compiler may leave out a new-expression.
  ::operator delete(::operator new(100));
  EXPECT_EQ(allocations - before, 1u);
}

TEST(Allocations, DecodingARawPredictRequestNeedsNone) {
  std::string message = sized(1, "model") + sized(3, "id") + sized(5, "y") + sized(5, "z");
  for (int i = 0; i < kInputs; ++i) {
    message += sized(
        4, sized(1, std::to_string(i)) + sized(2, number(1, 11) + sized(2, "\1\2") + sized(3, std::string(8, 'x'))));
  }
  Request request;
  const std::size_t before = allocations;
  const Status status = decode_predict_request(bytes_of(std::string_view(message)), *test::pool, request);
  const std::size_t after = allocations;
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(request.inputs.size(), std::size_t{kInputs});
  EXPECT_EQ(after - before, 0u);
}

TEST(Allocations, DecodingARawModelInferRequestNeedsNone) {
  std::string message = sized(1, "model") + sized(3, "id") + sized(6, sized(1, "y"));
  for (int i = 0; i < kInputs; ++i) {
    message += sized(5, sized(1, std::to_string(i)) + sized(2, "FP32") + sized(3, "\1\2"));
  }
  for (int i = 0; i < kInputs; ++i) message += sized(7, std::string(8, 'x'));
  Request request;
  const std::size_t before = allocations;
  const Status status =
      decode_model_infer_request(bytes_of(std::string_view(message)), TimePoint(), *test::pool, request);
  const std::size_t after = allocations;
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(request.inputs.size(), std::size_t{kInputs});
  EXPECT_EQ(after - before, 0u);
}

}  // namespace
}  // namespace pyserver
