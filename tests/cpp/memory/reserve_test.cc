#include "memory/reserve.h"

#include <gtest/gtest.h>

namespace pyserver {
namespace {

TEST(ReserveTest, KeepsMemoryThatIsLargeEnoughAndSetsTheSize) {
  HostAllocator allocator;
  const auto pool = BufferPool::create(allocator, {});
  Buffer buffer;
  ASSERT_TRUE(reserve(*pool, buffer, 5000).ok());
  const std::byte* const memory = buffer.data();
  const auto smaller = reserve(*pool, buffer, 7);
  ASSERT_TRUE(smaller.ok());
  EXPECT_EQ(smaller->data(), memory);
  EXPECT_EQ(smaller->size(), 7U);
  EXPECT_EQ(buffer.size(), 7U);
}

TEST(ReserveTest, NothingHasAPlaceToo) {
  HostAllocator allocator;
  const auto pool = BufferPool::create(allocator, {});
  Buffer buffer;
  const auto none = reserve(*pool, buffer, 0);
  ASSERT_TRUE(none.ok());
  EXPECT_NE(none->data(), nullptr);
  EXPECT_TRUE(none->empty());
}

TEST(ReserveTest, GivesBackBeforeItTakesMoreSoThatThePoolNeedNotHoldBoth) {
  HostAllocator allocator;
  const auto pool = BufferPool::create(allocator, {.max_bytes = 10000, .max_idle_bytes = 0});
  Buffer buffer;
  ASSERT_TRUE(reserve(*pool, buffer, 4000).ok());
  EXPECT_TRUE(reserve(*pool, buffer, 7000).ok());
  EXPECT_EQ(reserve(*pool, buffer, 20000).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(pool->stats().used_bytes, 0U);
}

}  // namespace
}  // namespace pyserver
