#include "grpc/message_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "grpc/wire.h"
#include "memory/allocator.h"

namespace pyserver {
namespace {

using Progress = MessageReader::Progress;

class MessageReaderTest : public testing::Test {
 protected:
  // What comes of `body`, given in pieces of `piece` bytes.
  std::vector<std::string> read_all(MessageReader& reader, std::string_view body, std::size_t piece) {
    std::vector<std::string> messages;
    for (std::size_t at = 0; at < body.size(); at += piece) {
      std::span<const std::byte> bytes = bytes_of(body.substr(at, piece));
      while (!bytes.empty()) {
        const Result<Progress> progress = reader.read(bytes);
        if (!progress.ok()) {
          status_ = progress.status();
          return messages;
        }
        if (*progress == Progress::kMessage) messages.push_back(text_of(reader.take().bytes));
      }
    }
    return messages;
  }
  Status error_of(MessageReader& reader, std::string_view body) {
    read_all(reader, body, body.size());
    return status_;
  }
  std::size_t used() const { return pool_->stats().used_bytes; }

  HostAllocator allocator_;
  std::shared_ptr<BufferPool> pool_ = BufferPool::create(allocator_);
  MessageReader reader_{*pool_, 64 << 20, Compression::kIdentity};
  Status status_;
};

TEST_F(MessageReaderTest, FindsTheMessagesHoweverTheBodyIsCut) {
  const std::vector<std::string> messages = {"", "a", std::string(5000, 'b'), "", "", std::string(300, 'c')};
  std::string body;
  for (const std::string& message : messages) body += framed(message);
  for (std::size_t piece = 1; piece < 20; ++piece) EXPECT_EQ(read_all(reader_, body, piece), messages) << piece;
  EXPECT_EQ(read_all(reader_, body, body.size()), messages);
  EXPECT_FALSE(reader_.in_message());
  EXPECT_EQ(used(), 0U);
}

TEST_F(MessageReaderTest, AnEmptyMessageHasNoMemory) {
  std::span<const std::byte> bytes = bytes_of(std::string_view("\0\0\0\0\0", 5));
  const Result<Progress> progress = reader_.read(bytes);
  ASSERT_TRUE(progress.ok());
  EXPECT_EQ(*progress, Progress::kMessage);
  EXPECT_EQ(reader_.take().bytes.capacity(), 0U);
}

TEST_F(MessageReaderTest, KnowsWhetherTheBodyMayEndHere) {
  const std::string body = framed("abc");
  EXPECT_FALSE(reader_.in_message());
  for (std::size_t i = 0; i + 1 < body.size(); ++i) {
    std::span<const std::byte> bytes = bytes_of(std::string_view(body).substr(i, 1));
    ASSERT_TRUE(reader_.read(bytes).ok());
    EXPECT_TRUE(reader_.in_message()) << i;
  }
  std::span<const std::byte> last = bytes_of(std::string_view(body).substr(body.size() - 1));
  ASSERT_TRUE(reader_.read(last).ok());
  EXPECT_FALSE(reader_.in_message());
}

TEST_F(MessageReaderTest, StopsAtTheEndOfAMessageAndLeavesTheRest) {
  const std::string body = framed("abc") + framed("d");
  std::span<const std::byte> bytes = bytes_of(body);
  const Result<Progress> progress = reader_.read(bytes);
  ASSERT_TRUE(progress.ok());
  EXPECT_EQ(*progress, Progress::kMessage);
  EXPECT_EQ(bytes.size(), 6U);
}

TEST_F(MessageReaderTest, TakesAMillionPiecesOfOneByte) {
  const std::string message(1'000'000, 'x');
  EXPECT_EQ(read_all(reader_, framed(message), 1), std::vector{message});
  EXPECT_LE(pool_->stats().allocated + pool_->stats().reused, 5U) << "growth by a factor, not by a byte";
}

TEST_F(MessageReaderTest, AnAnnouncementReservesLittle) {
  std::string body = framed_prefix(0, 64 << 20);
  read_all(reader_, body, body.size());
  EXPECT_EQ(reader_.held_bytes(), 0U) << "nothing of it has come";
  read_all(reader_, "x", 1);
  EXPECT_EQ(reader_.held_bytes(), MessageReader::kSmallestTake);
}

TEST_F(MessageReaderTest, MemoryGrowsWithWhatHasCome) {
  std::string body = framed_prefix(0, 64 << 20);
  body.resize(16 << 10, 'x');
  read_all(reader_, body, body.size());
  EXPECT_EQ(reader_.held_bytes(), MessageReader::kFirstTake) << "a first frame is trusted this much";
  body.assign(MessageReader::kFirstTake, 'x');
  read_all(reader_, body, 10'000);
  EXPECT_EQ(reader_.held_bytes(), MessageReader::kFirstTake * MessageReader::kGrowth);
}

TEST_F(MessageReaderTest, AMessageThatIsAtHandLiesInOneBufferOfItsSize) {
  read_all(reader_, framed(std::string(600'000, 'x')), 16 << 10);
  EXPECT_EQ(pool_->stats().allocated, 1U);
}

TEST_F(MessageReaderTest, AMessageEndsAtTheEndOfACacheLine) {
  for (const std::size_t size : {1, 300, 5000, 700'000}) {
    read_all(reader_, framed(std::string(size, 'x')).substr(0, 4 + size), 1 << 14);  // all but its last byte
    std::span<const std::byte> last = bytes_of("x");
    ASSERT_EQ(*reader_.read(last), Progress::kMessage);
    const ReceivedMessage message = reader_.take();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(message.bytes.data() + message.bytes.size()) % kBlockAlignment, 0U);
  }
}

TEST_F(MessageReaderTest, NamesTheSizeOfWhatIsTooLarge) {
  MessageReader reader(*pool_, 100, Compression::kIdentity);
  EXPECT_EQ(error_of(reader, framed(std::string(100, 'x')) + framed_prefix(0, 200)),
            resource_exhausted("received message of 200 bytes, larger than the limit of 100"));
  EXPECT_EQ(reader.failure(), MessageReader::Failure::kTooLarge);
}

TEST_F(MessageReaderTest, RefusesTheLongestAnnouncementAtOnce) {
  EXPECT_EQ(error_of(reader_, std::string_view("\0\xff\xff\xff\xff", 5)).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(used(), 0U);
}

TEST_F(MessageReaderTest, RefusesFlagsThatMeanNothing) {
  EXPECT_EQ(error_of(reader_, framed("x", 2)), internal_error("a message begins with flag 2, expected 0 or 1"));
  EXPECT_EQ(reader_.failure(), MessageReader::Failure::kMalformed);
  MessageReader other(*pool_, 100, Compression::kGzip);
  EXPECT_EQ(error_of(other, framed("x", 255)).code(), StatusCode::kInternal);
}

TEST_F(MessageReaderTest, RefusesCompressionWithoutAnEncoding) {
  EXPECT_EQ(error_of(reader_, framed("x", 1)),
            internal_error("a message is marked as compressed, but the call has no grpc-encoding"));
  EXPECT_EQ(reader_.failure(), MessageReader::Failure::kMalformed);
}

TEST_F(MessageReaderTest, DecompressesWhatIsMarked) {
  MessageReader reader(*pool_, 1 << 20, Compression::kGzip);
  const std::string text(50'000, 'x');
  const Result<Buffer> gzip = compress(Compression::kGzip, bytes_of(text), *pool_);
  const std::string body = framed(text_of(*gzip), 1) + framed("as it is", 0) + framed("", 1);
  std::span<const std::byte> bytes = bytes_of(body);
  ASSERT_TRUE(reader.read(bytes).ok());
  ReceivedMessage message = reader.take();
  EXPECT_TRUE(message.was_compressed);
  EXPECT_EQ(text_of(message.bytes), text);
  ASSERT_TRUE(reader.read(bytes).ok());
  message = reader.take();
  EXPECT_FALSE(message.was_compressed);
  EXPECT_EQ(text_of(message.bytes), "as it is");
  ASSERT_TRUE(reader.read(bytes).ok());
  message = reader.take();
  EXPECT_TRUE(message.was_compressed) << "an empty message may carry the flag";
  EXPECT_EQ(message.bytes.capacity(), 0U);
}

TEST_F(MessageReaderTest, RefusesABomb) {
  MessageReader reader(*pool_, 100'000, Compression::kGzip);
  const std::string text(100'001, 'x');
  const Result<Buffer> gzip = compress(Compression::kGzip, bytes_of(text), *pool_);
  const Status status = error_of(reader, framed(text_of(*gzip), 1));
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("decompresses to more than the limit of 100000"), std::string::npos)
      << status.message();
  EXPECT_EQ(reader.failure(), MessageReader::Failure::kTooLarge);
}

TEST_F(MessageReaderTest, RefusesWhatDoesNotDecompress) {
  MessageReader reader(*pool_, 100'000, Compression::kDeflate);
  EXPECT_EQ(error_of(reader, framed("nonsense", 1)).code(), StatusCode::kInternal);
  EXPECT_EQ(reader.failure(), MessageReader::Failure::kMalformed);
  EXPECT_EQ(used(), 0U);
}

TEST_F(MessageReaderTest, SaysWhereThePoolIsFull) {
  auto small_pool = BufferPool::create(allocator_, {.max_bytes = 100'000, .max_idle_bytes = 0});
  MessageReader reader(*small_pool, 1 << 20, Compression::kIdentity);
  EXPECT_EQ(error_of(reader, framed(std::string(200'000, 'x'))).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(reader.failure(), MessageReader::Failure::kOutOfMemory);
  EXPECT_EQ(small_pool->stats().used_bytes, 0U) << "nothing is held after an error";
}

}  // namespace
}  // namespace pyserver
