// The small parts of a session, each alone.
#include <gtest/gtest.h>

#include "http2/body_queue.h"
#include "http2/flood_guard.h"
#include "http2/frame_scanner.h"
#include "http2/header_list.h"
#include "http2/raw_peer.h"
#include "http2/session_stream.h"

namespace pyserver::test {
namespace {

using namespace std::chrono_literals;

std::string take_all(OutputQueue& queue, std::size_t step) {
  std::string text;
  while (!queue.empty()) {
    std::array<iovec, 4> pieces;
    const std::size_t count = queue.front(pieces);
    EXPECT_GT(count, 0U);
    const std::size_t size = std::min(step, pieces[0].iov_len);
    text.append(static_cast<const char*>(pieces[0].iov_base), size);
    queue.drop(size);
  }
  return text;
}

TEST(HeaderList, FindsTheFirstOfAName) {
  HeaderList list;
  list.add("a", "1");
  list.add("b", "");
  list.add("a", "2");
  EXPECT_EQ(list.size(), 3U);
  EXPECT_EQ(list.find("a"), "1");
  EXPECT_EQ(list[2].value, "2");
  EXPECT_NE(list.find("b").data(), nullptr);  // empty, but there
  EXPECT_EQ(list.find("c").data(), nullptr);
  EXPECT_EQ(list.counted_size(), 3 + 2 + 3 * 32U);
  list.clear();
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.counted_size(), 0U);
}

TEST(OutputQueue, KeepsTheOrderOfCopiedAndBorrowedBytes) {
  HostAllocator allocator;
  const auto pool = BufferPool::create(allocator);
  std::string expected;
  OutputQueue queue;
  for (int round = 0; round < 50; ++round) {
    const std::string small(static_cast<std::size_t>(round * 37), static_cast<char>('a' + round % 26));
    queue.append(bytes_of(small));
    auto buffer = std::make_shared<Buffer>(std::move(*pool->take(5000)));
    std::fill(buffer->data(), buffer->data() + 5000, std::byte('A' + round % 26));
    queue.append(buffer->bytes(), buffer);
    expected += small + std::string(5000, static_cast<char>('A' + round % 26));
  }
  EXPECT_EQ(queue.size(), expected.size());
  EXPECT_EQ(take_all(queue, 777), expected);
  EXPECT_EQ(pool->stats().used_bytes, 0U);
}

TEST(OutputQueue, CopiesSmallPiecesTogether) {
  OutputQueue queue;
  for (int round = 0; round < 100; ++round) queue.append(bytes_of("0123456789"));
  std::array<iovec, 8> pieces;
  EXPECT_EQ(queue.front(pieces), 1U);
  queue.drop(5);
  queue.append(bytes_of("more"));
  EXPECT_EQ(queue.front(pieces), 1U);
  EXPECT_EQ(queue.size(), 999U);
}

TEST(BodyQueue, MovesPiecesOfAnySizeInAnyPortions) {
  ServerSide server;
  BodyQueue body;
  OutputQueue out;
  std::string expected;
  for (int round = 0; round < 60; ++round) {
    const std::string content(static_cast<std::size_t>(round * round * 3), static_cast<char>('a' + round % 26));
    const std::string prefix = round % 3 == 0 ? "" : "12345";
    body.push(server.piece(content, prefix));
    expected += prefix + content;
    if (round % 2 == 1) body.move_to(out, 500);
  }
  for (std::size_t portion = 1; !body.empty(); portion = portion * 2 % 9973) body.move_to(out, portion);
  EXPECT_EQ(take_all(out, 1000), expected);
  EXPECT_EQ(server.pool->stats().used_bytes, 0U);
}

TEST(FrameScanner, FindsFramesHoweverTheyAreCut) {
  const std::string bytes = std::string(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN) + frame(4, 0, 0) +
                            frame(0, 1, 77, "hello") + frame(0, 8, 1, "\x02x..") + frame(0, 8, 1, "\x02..");
  for (std::size_t cut = 1; cut < 40; ++cut) {
    FrameScanner scanner;
    int began = 0;
    std::vector<std::size_t> contents;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t taken = scanner.advance(bytes_of(std::string_view(bytes).substr(at, cut)));
      ASSERT_GT(taken, 0U);
      at += taken;
      began += scanner.began() ? 1 : 0;
      if (scanner.completed()) contents.push_back(scanner.content_size());
      if (contents.size() == 2 && scanner.completed()) {
        EXPECT_EQ(scanner.head().stream, 77);
        EXPECT_EQ(scanner.head().flags, 1);
      }
    }
    EXPECT_EQ(began, 4);
    EXPECT_EQ(contents, (std::vector<std::size_t>{0, 5, 1, 0})) << cut;
  }
}

TEST(TokenBucket, FillsWithTime) {
  TimePoint now{1h};
  TokenBucket bucket(10, now);
  for (int index = 0; index < 10; ++index) EXPECT_TRUE(bucket.take(now));
  EXPECT_FALSE(bucket.take(now));
  now += 100ms;
  EXPECT_TRUE(bucket.take(now));
  EXPECT_FALSE(bucket.take(now));
  now += 1h;
  for (int index = 0; index < 10; ++index) EXPECT_TRUE(bucket.take(now));
  EXPECT_FALSE(bucket.take(now));
}

TEST(StreamList, KeepsTheOrderOfTheLastTouch) {
  StreamList list(&SessionStream::receiving);
  SessionStream a, b, c;
  const TimePoint now{1h};
  EXPECT_EQ(list.oldest(), kNever);
  list.touch(a, now);
  list.touch(b, now + 1s);
  list.touch(c, now + 2s);
  list.touch(a, now + 3s);
  EXPECT_EQ(list.front(), &b);
  EXPECT_EQ(list.oldest(), now + 1s);
  list.remove(c);
  list.remove(b);
  list.remove(b);
  EXPECT_EQ(list.front(), &a);
  EXPECT_EQ(list.after(a), nullptr);
  list.remove(a);
  EXPECT_EQ(list.front(), nullptr);
}

TEST(StreamPool, HandsOutStreamsThatRememberNothing) {
  StreamPool pool;
  SessionStream& first = pool.take(1);
  first.headers.add("a", "b");
  first.answer_sent = first.closing = first.headers_too_large = true;
  first.block_fields = 7;
  pool.give_back(first);
  EXPECT_EQ(pool.used(), 0U);
  SessionStream& second = pool.take(3);
  EXPECT_EQ(&second, &first);
  EXPECT_EQ(second.id, 3);
  EXPECT_TRUE(second.headers.empty());
  EXPECT_FALSE(second.answer_sent || second.closing || second.headers_too_large);
  EXPECT_EQ(second.block_fields, 0U);
  pool.give_back(second);
}

}  // namespace
}  // namespace pyserver::test
