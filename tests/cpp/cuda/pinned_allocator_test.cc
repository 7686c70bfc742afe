#include "cuda/pinned_allocator.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "cuda/memory_policy.h"
#include "cuda_fixtures.h"
#include "memory/buffer_pool.h"

namespace pyserver::cuda {
namespace {

constexpr std::size_t kChunk = PinnedBlocks::kChunkBytes;

// A block that goes back by itself.
class Block {
 public:
  Block(PinnedAllocator& allocator, std::size_t size)
      : allocator_(allocator), data_(allocator.allocate(size)), size_(size) {}
  ~Block() { allocator_.release(data_, size_); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  std::span<std::byte> bytes() const { return {data_, size_}; }

 private:
  PinnedAllocator& allocator_;
  std::byte* data_;
  std::size_t size_;
};

class PinnedAllocatorTest : public CudaTest {};

TEST_F(PinnedAllocatorTest, GivesHostMemoryUntilThereIsADevice) {
  PinnedAllocator allocator;
  const Block block(allocator, 1000);
  std::memset(block.bytes().data(), 1, 1000);
  EXPECT_FALSE(allocator.is_pinned(block.bytes()));
  EXPECT_EQ(allocator.stats().pinned_bytes, 0U);
  EXPECT_EQ(allocator.stats().refused, 0U);
}

TEST_F(PinnedAllocatorTest, BlocksFromBeforeTheSwitchStayWhatTheyAre) {
  PinnedAllocator allocator;
  const Block before(allocator, 1000);
  ASSERT_TRUE(allocator.use_device(device_).ok());
  const Block after(allocator, 1000);
  EXPECT_FALSE(allocator.is_pinned(before.bytes()));
  EXPECT_TRUE(allocator.is_pinned(after.bytes()));
  EXPECT_EQ(allocator.stats().blocks, 1U);
}

TEST_F(PinnedAllocatorTest, CutsSmallBlocksFromChunks) {
  PinnedAllocator allocator;
  ASSERT_TRUE(allocator.use_device(device_).ok());
  const std::size_t calls = fakeCalls("cuMemHostAlloc");
  std::vector<std::unique_ptr<Block>> blocks;
  for (std::size_t i = 0; i < kChunk / 1024; ++i) blocks.push_back(std::make_unique<Block>(allocator, 1000));
  EXPECT_EQ(fakeCalls("cuMemHostAlloc"), calls) << "all are of the chunk that the switch brought";
  EXPECT_EQ(allocator.stats().pinned_bytes, kChunk);
  blocks.push_back(std::make_unique<Block>(allocator, 1000));
  EXPECT_EQ(allocator.stats().pinned_bytes, 2 * kChunk);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks[i]->bytes().data()) % kBlockAlignment, 0U);
    EXPECT_TRUE(allocator.is_pinned(blocks[i]->bytes()));
    std::memset(blocks[i]->bytes().data(), static_cast<int>(i), 1000);
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) EXPECT_EQ(blocks[i]->bytes()[999], static_cast<std::byte>(i));
}

TEST_F(PinnedAllocatorTest, AChunkServesAnotherSizeOnceItIsEmpty) {
  PinnedAllocator allocator;
  ASSERT_TRUE(allocator.use_device(device_).ok());
  for (const std::size_t size : {256, 4096, 1 << 20, 300}) {
    const Block block(allocator, size);
    EXPECT_TRUE(allocator.is_pinned(block.bytes()));
  }
  EXPECT_EQ(allocator.stats().pinned_bytes, kChunk);
}

TEST_F(PinnedAllocatorTest, ALargeBlockIsARegionOfItsOwn) {
  PinnedAllocator allocator;
  ASSERT_TRUE(allocator.use_device(device_).ok());
  {
    const Block block(allocator, kChunk / 2 + 1);
    EXPECT_TRUE(allocator.is_pinned(block.bytes()));
    EXPECT_EQ(allocator.stats().pinned_bytes, kChunk + kChunk / 2 + 1);
  }
  EXPECT_EQ(allocator.stats().pinned_bytes, kChunk);
  EXPECT_EQ(allocator.stats().blocks, 0U);
}

TEST_F(PinnedAllocatorTest, BeyondItsLimitItGivesHostMemoryAndCounts) {
  PinnedAllocator allocator({.max_bytes = 2 * kChunk});
  ASSERT_TRUE(allocator.use_device(device_).ok());
  const Block large(allocator, kChunk + 1);
  EXPECT_FALSE(allocator.is_pinned(large.bytes()));
  std::memset(large.bytes().data(), 1, large.bytes().size());
  const Block fits(allocator, kChunk);
  EXPECT_TRUE(allocator.is_pinned(fits.bytes()));
  const Block small(allocator, 10);
  EXPECT_TRUE(allocator.is_pinned(small.bytes())) << "the first chunk is there";
  const PinnedStats stats = allocator.stats();
  EXPECT_EQ(stats.pinned_bytes, 2 * kChunk);
  EXPECT_EQ(stats.limit_bytes, 2 * kChunk);
  EXPECT_EQ(stats.blocks, 2U);
  EXPECT_EQ(stats.refused, 1U);
}

TEST_F(PinnedAllocatorTest, WithoutRoomForAChunkEverythingIsHostMemory) {
  PinnedAllocator allocator({.max_bytes = 0});
  ASSERT_TRUE(allocator.use_device(device_).ok());
  const Block block(allocator, 100);
  EXPECT_FALSE(allocator.is_pinned(block.bytes()));
  EXPECT_EQ(allocator.stats().refused, 1U);
}

TEST_F(PinnedAllocatorTest, WhereTheDriverRefusesItGivesHostMemory) {
  PinnedAllocator allocator;
  ASSERT_TRUE(allocator.use_device(device_).ok());
  fakeFailCall("cuMemHostAlloc", 0, CUDA_ERROR_OUT_OF_MEMORY);
  const Block refused(allocator, kChunk);
  const Block given(allocator, kChunk);
  EXPECT_FALSE(allocator.is_pinned(refused.bytes()));
  EXPECT_TRUE(allocator.is_pinned(given.bytes()));
  EXPECT_EQ(allocator.stats().refused, 1U);
  EXPECT_EQ(allocator.stats().pinned_bytes, 2 * kChunk);
}

TEST_F(PinnedAllocatorTest, ASwitchThatTheDriverRefusesChangesNothingAndMayBeTriedAgain) {
  PinnedAllocator allocator;
  fakeFailCall("cuMemHostAlloc", 0, CUDA_ERROR_OUT_OF_MEMORY);
  const Status refused = allocator.use_device(device_);
  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
  EXPECT_NE(refused.message().find("allocating 2097152 bytes of page-locked memory"), std::string::npos);
  {
    const Block block(allocator, 100);
  }
  EXPECT_EQ(allocator.stats().refused, 0U);
  EXPECT_TRUE(allocator.use_device(device_).ok());
}

TEST_F(PinnedAllocatorTest, ASecondDeviceChangesNothing) {
  PinnedAllocator allocator;
  ASSERT_TRUE(allocator.use_device(device_).ok());
  const auto other = std::move(*Device::open(driver_, 1));
  ASSERT_TRUE(allocator.use_device(other).ok());
  EXPECT_EQ(other.use_count(), 1);
}

TEST_F(PinnedAllocatorTest, KeepsIdleChunksToItsLimit) {
  PinnedAllocator allocator({.max_bytes = 8 * kChunk, .max_idle_bytes = 2 * kChunk});
  ASSERT_TRUE(allocator.use_device(device_).ok());
  {
    std::vector<std::unique_ptr<Block>> blocks;
    for (int i = 0; i < 8; ++i) blocks.push_back(std::make_unique<Block>(allocator, kChunk / 2));
    EXPECT_EQ(allocator.stats().pinned_bytes, 4 * kChunk);
  }
  EXPECT_EQ(allocator.stats().pinned_bytes, 2 * kChunk);
}

TEST_F(PinnedAllocatorTest, OnlyWhatLiesAltogetherInItsMemoryIsPinned) {
  PinnedAllocator allocator;
  ASSERT_TRUE(allocator.use_device(device_).ok());
  const Block block(allocator, kChunk);
  const std::byte* const begin = block.bytes().data();
  EXPECT_TRUE(allocator.is_pinned({begin + kChunk - 1, 1}));
  EXPECT_FALSE(allocator.is_pinned({begin + kChunk - 1, 2}));
  EXPECT_FALSE(allocator.is_pinned({begin - 1, 2}));
  const std::byte elsewhere{1};
  EXPECT_FALSE(allocator.is_pinned({&elsewhere, 1}));
}

TEST_F(PinnedAllocatorTest, KeepsTheDeviceThatItsMemoryIsLockedFor) {
  const std::weak_ptr<const Device> watched = device_;
  {
    PinnedAllocator allocator;
    ASSERT_TRUE(allocator.use_device(std::exchange(device_, nullptr)).ok());
    const Block block(allocator, 100);
    EXPECT_FALSE(watched.expired());
  }
  EXPECT_TRUE(watched.expired());
}

TEST_F(PinnedAllocatorTest, APoolSwitchesOnceItsIdleBlocksAreDropped) {
  PinnedAllocator allocator;
  const auto pool = BufferPool::create(allocator);
  {
    ASSERT_TRUE(pool->take(1000).ok());
  }
  ASSERT_TRUE(allocator.use_device(device_).ok());
  {
    const Result<Buffer> recycled = pool->take(1000);
    EXPECT_FALSE(allocator.is_pinned(recycled->bytes()));
  }
  pool->drop_idle();
  EXPECT_EQ(pool->stats().idle_bytes, 0U);
  const Result<Buffer> fresh = pool->take(1000);
  EXPECT_TRUE(allocator.is_pinned(fresh->bytes()));
}

TEST_F(PinnedAllocatorTest, ThreadsShareItWhileItSwitches) {
  PinnedAllocator allocator({.max_bytes = 6 * kChunk, .max_idle_bytes = kChunk});
  std::atomic<int> overwritten = 0;
  const auto work = [&](unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::unique_ptr<Block>> held;
    for (int round = 0; round < 500; ++round) {
      if (held.size() < 8 && random() % 2 == 0) {
        const std::size_t size = random() % 8 == 0 ? kChunk : 1 + random() % 5000;
        held.push_back(std::make_unique<Block>(allocator, size));
        std::memset(held.back()->bytes().data(), static_cast<int>(seed), std::min<std::size_t>(size, 5000));
      } else if (!held.empty()) {
        overwritten += held.back()->bytes()[0] != static_cast<std::byte>(seed);
        static_cast<void>(allocator.is_pinned(held.back()->bytes()));
        held.pop_back();
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 4; ++seed) threads.emplace_back(work, seed);
  for (int i = 0; i < 2; ++i) threads.emplace_back([&] { EXPECT_TRUE(allocator.use_device(device_).ok()); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(overwritten, 0);
  EXPECT_EQ(allocator.stats().blocks, 0U);
  EXPECT_LE(allocator.stats().pinned_bytes, kChunk);
}

// The thread's own policy, MPOL_DEFAULT and its like.
int memory_policy() {
  int mode = -1;
  EXPECT_EQ(syscall(SYS_get_mempolicy, &mode, nullptr, 0, nullptr, 0), 0);
  return mode;
}

TEST(NumaPreferenceTest, HoldsForTheThreadUntilItEnds) {
  const int before = memory_policy();
  {
    const NumaPreference near(0);
    // A container may forbid it.
    EXPECT_EQ(memory_policy(), near.active() ? MPOL_PREFERRED : before);
  }
  EXPECT_EQ(memory_policy(), before);
}

TEST(NumaPreferenceTest, ANodeThatThereIsNotIsRefusedWithoutHarm) {
  EXPECT_FALSE(NumaPreference(-1).active());
  EXPECT_FALSE(NumaPreference(1023).active());
  EXPECT_FALSE(NumaPreference(1024).active());
}

}  // namespace
}  // namespace pyserver::cuda
