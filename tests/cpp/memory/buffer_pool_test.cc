#include "memory/buffer_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace pyserver {
namespace {

// Real memory that is accounted for, and that runs out when told to.
class CountingAllocator final : public Allocator {
 public:
  std::byte* allocate(std::size_t bytes) noexcept override {
    if (exhausted) return nullptr;
    std::byte* block = host_.allocate(bytes);
    std::lock_guard lock(mutex_);
    sizes_[block] = bytes;
    ++allocations_;
    return block;
  }
  void release(std::byte* block, std::size_t bytes) noexcept override {
    {
      std::lock_guard lock(mutex_);
      const auto found = sizes_.find(block);
      if (found == sizes_.end() || found->second != bytes) ++wrong_releases_;
      if (found != sizes_.end()) sizes_.erase(found);
    }
    host_.release(block, bytes);
  }
  ~CountingAllocator() override {
    EXPECT_EQ(sizes_.size(), 0u) << "blocks were not released";
    EXPECT_EQ(wrong_releases_, 0) << "blocks were released twice or with another size";
  }

  std::size_t living() const {
    std::lock_guard lock(mutex_);
    return sizes_.size();
  }
  int allocations() const {
    std::lock_guard lock(mutex_);
    return allocations_;
  }

  std::atomic<bool> exhausted = false;

 private:
  HostAllocator host_;
  mutable std::mutex mutex_;
  std::map<std::byte*, std::size_t> sizes_;
  int allocations_ = 0;
  int wrong_releases_ = 0;
};

class BufferPoolTest : public testing::Test {
 protected:
  CountingAllocator allocator_;
};

TEST_F(BufferPoolTest, GivesABufferOfTheSizeAskedFor) {
  const auto pool = BufferPool::create(allocator_);
  for (const std::size_t size : {0, 1, 255, 256, 257, 100'000}) {
    Result<Buffer> buffer = pool->take(size);
    ASSERT_TRUE(buffer.ok()) << size;
    EXPECT_EQ(buffer->size(), size);
    EXPECT_GE(buffer->capacity(), size);
    EXPECT_EQ(buffer->bytes().size(), size);
    ASSERT_NE(buffer->data(), nullptr);
    std::memset(buffer->data(), 0x5A, buffer->capacity());
  }
}

TEST_F(BufferPoolTest, AlignsEveryBlockToTheWidestVector) {
  const auto pool = BufferPool::create(allocator_);
  for (const std::size_t size : {1, 300, 5'000, 70'000}) {
    Result<Buffer> buffer = pool->take(size);
    ASSERT_TRUE(buffer.ok());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->data()) % kBlockAlignment, 0u);
  }
}

TEST_F(BufferPoolTest, ReusesABlockThatWasGivenBack) {
  const auto pool = BufferPool::create(allocator_);
  const std::byte* first = nullptr;
  {
    Result<Buffer> buffer = pool->take(1000);
    ASSERT_TRUE(buffer.ok());
    first = buffer->data();
  }
  Result<Buffer> again = pool->take(600);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->data(), first);
  EXPECT_EQ(again->size(), 600u);
  EXPECT_EQ(pool->stats().reused, 1u);
  EXPECT_EQ(pool->stats().allocated, 1u);
}

TEST_F(BufferPoolTest, NeverGivesOneBlockToTwoBuffers) {
  const auto pool = BufferPool::create(allocator_);
  Result<Buffer> first = pool->take(512);
  Result<Buffer> second = pool->take(512);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(second.ok());
  EXPECT_NE(first->data(), second->data());
}

TEST_F(BufferPoolTest, CountsLivingAndIdleBytes) {
  const auto pool = BufferPool::create(allocator_);
  {
    Result<Buffer> buffer = pool->take(1000);
    ASSERT_TRUE(buffer.ok());
    EXPECT_EQ(pool->stats().used_bytes, buffer->capacity());
    EXPECT_EQ(pool->stats().idle_bytes, 0u);
  }
  EXPECT_EQ(pool->stats().used_bytes, 0u);
  EXPECT_EQ(pool->stats().idle_bytes, 1024u);
}

TEST_F(BufferPoolTest, RefusesWhatWouldExceedItsLimitAndServesAgainAfterwards) {
  const auto pool = BufferPool::create(allocator_, {.max_bytes = 4096, .max_idle_bytes = 0});
  Result<Buffer> first = pool->take(4096);
  ASSERT_TRUE(first.ok());
  const Result<Buffer> second = pool->take(1);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(second.status().message(),
            "the server's memory for requests is used up: 1 bytes wanted, 4096 of 4096 in use");
  EXPECT_EQ(pool->stats().refused, 1u);
  *first = Buffer();
  EXPECT_TRUE(pool->take(1).ok());
}

TEST_F(BufferPoolTest, RefusesASizeThatNoMachineHas) {
  const auto pool = BufferPool::create(allocator_, {.max_bytes = 4096, .max_idle_bytes = 0});
  for (const std::size_t size : {std::size_t{1} << 40, std::size_t{1} << 63, std::numeric_limits<std::size_t>::max()}) {
    const Result<Buffer> buffer = pool->take(size);
    ASSERT_FALSE(buffer.ok()) << size;
    EXPECT_EQ(buffer.status().code(), StatusCode::kResourceExhausted);
  }
  EXPECT_EQ(pool->stats().used_bytes, 0u);
  EXPECT_EQ(allocator_.allocations(), 0);
}

TEST_F(BufferPoolTest, SaysSoWhenTheAllocatorHasNoMemoryAndCountsNothingAsUsed) {
  const auto pool = BufferPool::create(allocator_);
  allocator_.exhausted = true;
  const Result<Buffer> refused = pool->take(1000);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(pool->stats().used_bytes, 0u);
  EXPECT_EQ(pool->stats().allocated, 0u);
  EXPECT_EQ(pool->stats().refused, 1u);
  allocator_.exhausted = false;
  EXPECT_TRUE(pool->take(1000).ok());
}

TEST_F(BufferPoolTest, KeepsFreeBlocksOnlyUpToItsIdleLimit) {
  const auto pool = BufferPool::create(allocator_, {.max_bytes = 1 << 20, .max_idle_bytes = 2048});
  {
    std::vector<Buffer> buffers;
    for (int i = 0; i < 5; ++i) buffers.push_back(*pool->take(1024));
    EXPECT_EQ(allocator_.living(), 5u);
  }
  EXPECT_EQ(pool->stats().idle_bytes, 2048u);
  EXPECT_EQ(allocator_.living(), 2u);
}

TEST_F(BufferPoolTest, GivesALargeBlockStraightBackToTheAllocator) {
  constexpr std::size_t kLarge = (std::size_t{64} << 20) + 1;
  const auto pool = BufferPool::create(allocator_, {.max_bytes = 2 * kLarge, .max_idle_bytes = 2 * kLarge});
  {
    const Result<Buffer> buffer = pool->take(kLarge);
    ASSERT_TRUE(buffer.ok());
    EXPECT_EQ(buffer->capacity(), kLarge) << "a large block is not rounded up";
  }
  EXPECT_EQ(pool->stats().idle_bytes, 0u);
  EXPECT_EQ(allocator_.living(), 0u);
}

TEST_F(BufferPoolTest, ReturnsItsIdleBlocksWhenItEnds) {
  auto pool = BufferPool::create(allocator_);
  for (const std::size_t size : {100, 1'000, 10'000}) ASSERT_TRUE(pool->take(size).ok());
  EXPECT_EQ(allocator_.living(), 3u);
  pool.reset();
  EXPECT_EQ(allocator_.living(), 0u);
}

TEST_F(BufferPoolTest, DropsItsIdleBlocksWhenToldAndGoesOn) {
  const auto pool = BufferPool::create(allocator_);
  Result<Buffer> used = pool->take(100);
  for (const std::size_t size : {100, 1'000, 10'000}) ASSERT_TRUE(pool->take(size).ok());
  EXPECT_EQ(allocator_.living(), 4u);
  pool->drop_idle();
  EXPECT_EQ(allocator_.living(), 1u);
  EXPECT_EQ(pool->stats().idle_bytes, 0u);
  ASSERT_TRUE(pool->take(100).ok());
  EXPECT_TRUE(pool->take(100).ok());
  EXPECT_EQ(pool->stats().reused, 1u);
}

TEST_F(BufferPoolTest, WhatWasInUseWhenTheIdleBlocksWereDroppedIsNotKeptEither) {
  const auto pool = BufferPool::create(allocator_);
  Result<Buffer> before = pool->take(100);
  ASSERT_TRUE(before.ok());
  pool->drop_idle();
  Result<Buffer> after = pool->take(100);
  ASSERT_TRUE(after.ok());
  Buffer moved;
  moved.swap(*before);
  moved = Buffer();
  EXPECT_EQ(allocator_.living(), 1u);
  EXPECT_EQ(pool->stats().idle_bytes, 0u);
  *after = Buffer();
  EXPECT_TRUE(pool->take(100).ok());
  EXPECT_EQ(pool->stats().reused, 1u);
}

TEST_F(BufferPoolTest, LivesAsLongAsItsLastBuffer) {
  auto pool = BufferPool::create(allocator_);
  Result<Buffer> buffer = pool->take(100);
  ASSERT_TRUE(buffer.ok());
  const std::weak_ptr<BufferPool> watched = pool;
  pool.reset();
  EXPECT_FALSE(watched.expired());
  std::memset(buffer->data(), 1, buffer->size());
  *buffer = Buffer();
  EXPECT_TRUE(watched.expired());
}

TEST_F(BufferPoolTest, AMovedBufferLeavesNothingBehindAndIsGivenBackOnce) {
  const auto pool = BufferPool::create(allocator_);
  Buffer first = *pool->take(100);
  const std::byte* block = first.data();
  Buffer second = std::move(first);
  EXPECT_EQ(first.data(), nullptr);  // NOLINT(bugprone-use-after-move): that is the promise
  EXPECT_EQ(first.size(), 0u);
  EXPECT_EQ(second.data(), block);
  second = *pool->take(2000);
  EXPECT_NE(second.data(), block);
  EXPECT_EQ(pool->stats().idle_bytes, 256u) << "the block that was assigned over went back";
}

TEST_F(BufferPoolTest, TruncatingKeepsTheBlock) {
  const auto pool = BufferPool::create(allocator_);
  Buffer buffer = *pool->take(1000);
  buffer.truncate(10);
  EXPECT_EQ(buffer.bytes().size(), 10u);
  EXPECT_EQ(buffer.capacity(), 1024u);
  EXPECT_EQ(pool->stats().used_bytes, 1024u);
}

TEST_F(BufferPoolTest, ThreadsNeverShareABlockAndNeverExceedTheLimit) {
  constexpr std::size_t kMaxBytes = 256 * 1024;
  const auto pool = BufferPool::create(allocator_, {.max_bytes = kMaxBytes, .max_idle_bytes = 32 * 1024});
  std::atomic<int> overwritten = 0;
  std::atomic<int> beyond = 0;
  const auto work = [&](unsigned seed) {
    std::mt19937 random(seed);
    std::vector<Buffer> held;
    for (int round = 0; round < 2000; ++round) {
      if (held.size() < 8 && random() % 2 == 0) {
        Result<Buffer> buffer = pool->take(1 + random() % 20'000);
        if (!buffer.ok()) continue;
        std::memset(buffer->data(), static_cast<int>(seed), buffer->size());
        held.push_back(*std::move(buffer));
      } else if (!held.empty()) {
        for (const std::byte b : held.back().bytes()) overwritten += b != static_cast<std::byte>(seed);
        held.pop_back();
      }
      beyond += pool->stats().used_bytes > kMaxBytes;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 4; ++seed) threads.emplace_back(work, seed);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(overwritten, 0);
  EXPECT_EQ(beyond, 0);
  EXPECT_EQ(pool->stats().used_bytes, 0u);
  EXPECT_LE(pool->stats().idle_bytes, 32u * 1024);
}

TEST(BufferTest, AlignedAtItsEndItKeepsItsBlock) {
  HostAllocator allocator;
  const std::shared_ptr<BufferPool> pool = BufferPool::create(allocator);
  for (const std::size_t size : {1, 63, 64, 65, 1000}) {
    Result<Buffer> buffer = pool->take(size + kBlockAlignment - 1);
    ASSERT_TRUE(buffer.ok());
    const std::byte* const block = buffer->data();
    buffer->align_end(size);
    EXPECT_EQ(buffer->size(), size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->data() + size) % kBlockAlignment, 0U) << size;
    EXPECT_LT(buffer->data() - block, static_cast<std::ptrdiff_t>(kBlockAlignment));
    EXPECT_GE(buffer->capacity(), size);
    std::fill_n(buffer->data(), size, std::byte{1});  // AddressSanitizer would see a step beyond the block
  }
  EXPECT_EQ(pool->stats().used_bytes, 0U);
}

}  // namespace
}  // namespace pyserver
