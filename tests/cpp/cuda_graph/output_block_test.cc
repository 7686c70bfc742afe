#include "engines/cuda_graph/output_block.h"

#include <gtest/gtest.h>

#include <array>

namespace pyserver {
namespace {

class OutputBlockTest : public testing::Test {
 protected:
  HostAllocator allocator;
  std::shared_ptr<BufferPool> pool = BufferPool::create(allocator);
  OutputBlock block{pool};
  static constexpr std::array<std::size_t, 3> kSizes{100, 0, 8};
};

TEST_F(OutputBlockTest, OutputsLieApartEachAtACacheLine) {
  ASSERT_TRUE(block.reserve(kSizes).ok());
  EXPECT_EQ(block.room(0).size(), 100u);
  EXPECT_EQ(block.room(1).size(), 0u);
  EXPECT_EQ(block.room(2).size(), 8u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.room(2).data()) % kBlockAlignment, 0u);
  EXPECT_GE(block.room(2).data(), block.room(0).data() + 100);
}

TEST_F(OutputBlockTest, ABlockThatNobodyReadsIsUsedAgain) {
  ASSERT_TRUE(block.reserve(kSizes).ok());
  const std::byte* first = block.room(0).data();
  ASSERT_TRUE(block.reserve(kSizes).ok());
  EXPECT_EQ(block.room(0).data(), first);
  EXPECT_EQ(pool->stats().allocated, 1u);
}

TEST_F(OutputBlockTest, ABlockThatIsLentStaysAsItIs) {
  ASSERT_TRUE(block.reserve(kSizes).ok());
  std::byte* first = block.room(0).data();
  first[0] = std::byte{7};
  const std::shared_ptr<const void> lent = block.share();
  ASSERT_TRUE(block.reserve(kSizes).ok());
  EXPECT_NE(block.room(0).data(), first);
  block.room(0)[0] = std::byte{9};
  EXPECT_EQ(first[0], std::byte{7});
}

TEST_F(OutputBlockTest, APoolWithoutMemorySaysSo) {
  const auto small = BufferPool::create(allocator, {.max_bytes = 64, .max_idle_bytes = 0});
  OutputBlock starved(small);
  EXPECT_EQ(starved.reserve(kSizes).code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace pyserver
