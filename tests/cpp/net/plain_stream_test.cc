#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "net/byte_stream.h"
#include "net/loop_fixtures.h"
#include "net/stream_fixtures.h"

namespace pyserver {
namespace {

using test::pieces_of;
using test::read_available;
using test::socket_pair;
using test::with_small_buffers;

TEST(PlainStreamTest, MovesBytesBothWaysAndSaysWhatItWaitsFor) {
  auto [ours, theirs] = socket_pair();
  const auto stream = make_plain_stream(std::move(ours), "unix:");
  EXPECT_EQ(stream->handshake().outcome, IoOutcome::kDone);
  EXPECT_EQ(stream->peer(), "unix:");
  EXPECT_FALSE(stream->identity().tls);
  std::array<std::byte, 16> buffer;
  EXPECT_EQ(stream->read(buffer).outcome, IoOutcome::kWantsRead);
  ASSERT_EQ(send(theirs.fd(), "hello", 5, 0), 5);
  EXPECT_EQ(read_available(*stream), "hello");

  std::string a = "he", empty, b = "llo";
  const auto pieces = pieces_of({&a, &empty, &b});
  const IoResult written = stream->write(pieces);
  EXPECT_EQ(written.outcome, IoOutcome::kDone);
  EXPECT_EQ(written.bytes, 5u);
  char got[8];
  EXPECT_EQ(std::string_view(got, static_cast<std::size_t>(recv(theirs.fd(), got, sizeof got, 0))), "hello");
}

TEST(PlainStreamTest, WritesInPartsWhatTheSocketHasNoRoomFor) {
  auto [ours, theirs] = socket_pair();
  with_small_buffers(ours, theirs);
  const auto stream = make_plain_stream(std::move(ours), "unix:");
  const std::string sent = test::noise(1'000'000);
  std::string received;
  bool wanted_write = false;
  for (std::size_t offset = 0; offset < sent.size();) {
    const iovec piece{const_cast<char*>(sent.data()) + offset, sent.size() - offset};
    const IoResult result = stream->write({&piece, 1});
    if (result.outcome == IoOutcome::kDone) {
      offset += result.bytes;
      continue;
    }
    ASSERT_EQ(result.outcome, IoOutcome::kWantsWrite);
    wanted_write = true;
    test::receive_available(theirs.fd(), received);
  }
  test::receive_available(theirs.fd(), received);
  EXPECT_TRUE(wanted_write);
  EXPECT_TRUE(received == sent);
}

TEST(PlainStreamTest, TakesMorePiecesThanTheSystemDoesAtOnce) {
  auto [ours, theirs] = socket_pair();
  const auto stream = make_plain_stream(std::move(ours), "unix:");
  std::string byte = "x";
  const std::vector<iovec> pieces(5'000, iovec{byte.data(), 1});
  const IoResult written = stream->write(pieces);
  EXPECT_EQ(written.outcome, IoOutcome::kDone);
  EXPECT_GT(written.bytes, 0u);
}

TEST(PlainStreamTest, TellsAnEndInGoodOrderFromABrokenConnection) {
  auto [ours, theirs] = socket_pair();
  const auto stream = make_plain_stream(std::move(ours), "unix:");
  ASSERT_EQ(shutdown(theirs.fd(), SHUT_WR), 0);
  std::array<std::byte, 16> buffer;
  EXPECT_EQ(stream->read(buffer).outcome, IoOutcome::kClosed);
  Socket(std::move(theirs));
  std::string text = "lost";
  const auto pieces = pieces_of({&text});
  EXPECT_EQ(stream->write(pieces).outcome, IoOutcome::kFailed);  // and no SIGPIPE, which would end the test
}

TEST(PlainStreamTest, EndsItsSideOnly) {
  auto [ours, theirs] = socket_pair();
  const auto stream = make_plain_stream(std::move(ours), "unix:");
  stream->shut_down();
  char got;
  EXPECT_EQ(recv(theirs.fd(), &got, 1, 0), 0);
  ASSERT_EQ(send(theirs.fd(), "x", 1, 0), 1);
  EXPECT_EQ(read_available(*stream), "x");
}

TEST(PlainStreamTest, AConnectionWhosePeerReadsNothingIsBrokenByTheKernel) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const Socket silent(socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(connect(silent.fd(), reinterpret_cast<sockaddr*>(&address), size), 0);
  const auto stream = make_plain_stream(Socket(accept(listener, nullptr, nullptr)), "");
  close(listener);
  limit_unread(stream->fd(), std::chrono::milliseconds(100));
  const std::string much(1 << 20, 'x');
  const iovec piece{const_cast<char*>(much.data()), much.size()};
  while (stream->write({&piece, 1}).outcome == IoOutcome::kDone) {
  }
  pollfd broken{stream->fd(), 0, 0};
  EXPECT_EQ(poll(&broken, 1, 30'000), 1);
  EXPECT_NE(broken.revents & POLLERR, 0);
  EXPECT_EQ(stream->write({&piece, 1}).outcome, IoOutcome::kFailed);
}

TEST(PlainStreamTest, SetsTheSocketUp) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const auto stream = make_plain_stream(Socket(fd), "");
  int no_delay = 0;
  socklen_t size = sizeof no_delay;
  ASSERT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
  EXPECT_NE(no_delay, 0);
  EXPECT_NE(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}

}  // namespace
}  // namespace pyserver
