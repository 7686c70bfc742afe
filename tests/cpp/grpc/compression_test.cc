#include "grpc/compression.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

#include "grpc/wire.h"
#include "memory/allocator.h"

namespace pyserver {
namespace {

std::string random_text(std::size_t size, unsigned kinds) {
  std::mt19937 random(static_cast<unsigned>(size));
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random() % kinds);
  return text;
}

class CompressionTest : public testing::TestWithParam<Compression> {
 protected:
  Result<Buffer> decompressed(std::string_view text, std::size_t max = 1 << 30) {
    return decompress(GetParam(), bytes_of(text), max, *pool_);
  }
  std::string compressed(std::string_view text) {
    Result<Buffer> result = compress(GetParam(), bytes_of(text), *pool_);
    EXPECT_TRUE(result.ok());
    return text_of(*result);
  }

  HostAllocator allocator_;
  std::shared_ptr<BufferPool> pool_ = BufferPool::create(allocator_);
};

TEST_P(CompressionTest, GivesBackWhatItWasGiven) {
  for (const std::size_t size : {0, 1, 100, 4095, 4096, 4097, 70'000, 3'000'000}) {
    for (const unsigned kinds : {1U, 4U, 256U}) {
      const std::string text = random_text(size, kinds);
      const Result<Buffer> back = decompressed(compressed(text));
      ASSERT_TRUE(back.ok()) << back.status().message();
      EXPECT_TRUE(text_of(*back) == text) << size << " bytes of " << kinds << " kinds";
    }
  }
}

TEST_P(CompressionTest, TakesExactlyTheLimitAndNoMore) {
  for (const std::size_t size : {1, 4096, 100'000}) {
    const std::string text = random_text(size, 3);
    EXPECT_TRUE(decompressed(compressed(text), size).ok());
    EXPECT_EQ(decompressed(compressed(text), size - 1).status().code(), StatusCode::kOutOfRange);
  }
  EXPECT_TRUE(decompressed(compressed(""), 0).ok());
}

INSTANTIATE_TEST_SUITE_P(All, CompressionTest,
                         testing::Values(Compression::kIdentity, Compression::kDeflate, Compression::kGzip),
                         [](const auto& test) { return std::string(name_of(test.param)); });

class ZlibTest : public CompressionTest {};

TEST_P(ZlibTest, RefusesBytesOfAnotherFormat) {
  const Compression other = GetParam() == Compression::kGzip ? Compression::kDeflate : Compression::kGzip;
  const Result<Buffer> wrong = compress(other, bytes_of("text"), *pool_);
  EXPECT_EQ(decompressed(text_of(*wrong)).status().code(), StatusCode::kInternal);
  EXPECT_EQ(decompressed("no compressed bytes at all").status().code(), StatusCode::kInternal);
  EXPECT_EQ(decompressed("").status().code(), StatusCode::kInternal);
}

TEST_P(ZlibTest, RefusesEveryCutAndEveryAddition) {
  const std::string text = compressed(random_text(300, 5));
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(decompressed(text.substr(0, size)).status().code(), StatusCode::kInternal) << size;
    EXPECT_EQ(decompressed(text.substr(0, size), 300).status().code(), StatusCode::kInternal) << size;
  }
  EXPECT_EQ(decompressed(text + 'x').status().code(), StatusCode::kInternal);
  EXPECT_EQ(decompressed(text + text).status().code(), StatusCode::kInternal);
}

TEST_P(ZlibTest, RefusesAWrongChecksum) {
  std::string text = compressed("some text");
  text.back() = static_cast<char>(text.back() ^ 1);
  EXPECT_EQ(decompressed(text).status().code(), StatusCode::kInternal);
}

TEST_P(ZlibTest, StopsABombAtTheLimit) {
  const std::string bomb = compressed(std::string(256 << 20, '\0'));
  ASSERT_LT(bomb.size(), std::size_t{3} << 20);
  auto small_pool = BufferPool::create(allocator_, {.max_bytes = 16 << 20, .max_idle_bytes = 0});
  const Result<Buffer> result = decompress(GetParam(), bytes_of(bomb), 8 << 20, *small_pool);
  EXPECT_EQ(result.status().code(), StatusCode::kOutOfRange) << result.status().message();
}

TEST_P(ZlibTest, SaysWhereThereIsNoMemory) {
  auto small_pool = BufferPool::create(allocator_, {.max_bytes = 16 << 10, .max_idle_bytes = 0});
  const std::string text = compressed(std::string(1 << 20, 'x'));
  EXPECT_EQ(decompress(GetParam(), bytes_of(text), 1 << 20, *small_pool).status().code(),
            StatusCode::kResourceExhausted);
  EXPECT_EQ(compress(GetParam(), bytes_of(std::string(1 << 20, 'x')), *small_pool).status().code(),
            StatusCode::kResourceExhausted);
}

INSTANTIATE_TEST_SUITE_P(All, ZlibTest, testing::Values(Compression::kDeflate, Compression::kGzip),
                         [](const auto& test) { return std::string(name_of(test.param)); });

TEST(CompressionNames, AreThoseOfTheWire) {
  EXPECT_EQ(compression_named("identity"), Compression::kIdentity);
  EXPECT_EQ(compression_named("deflate"), Compression::kDeflate);
  EXPECT_EQ(compression_named("gzip"), Compression::kGzip);
  for (const char* name : {"", "GZIP", "gzip ", "snappy", "br"})
    EXPECT_EQ(compression_named(name), std::nullopt) << name;
}

TEST(AcceptedEncodings, AreReadAsAList) {
  EXPECT_TRUE(accepts("", Compression::kIdentity));
  EXPECT_TRUE(accepts("deflate", Compression::kIdentity));
  EXPECT_TRUE(accepts("identity, deflate, gzip", Compression::kGzip));
  EXPECT_TRUE(accepts("identity,\tdeflate ,gzip", Compression::kDeflate));
  EXPECT_TRUE(accepts(kAcceptedEncodings, Compression::kGzip));
  EXPECT_FALSE(accepts("", Compression::kGzip));
  EXPECT_FALSE(accepts({}, Compression::kGzip));
  EXPECT_FALSE(accepts("identity,deflate", Compression::kGzip));
  EXPECT_FALSE(accepts("xgzip,gzipx,gz ip", Compression::kGzip));
  EXPECT_FALSE(accepts(",,", Compression::kGzip));
}

}  // namespace
}  // namespace pyserver
