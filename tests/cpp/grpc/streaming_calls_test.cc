// Calls with many messages, and how slow readers slow their writers.
#include <gtest/gtest.h>

#include <cstring>

#include "grpc/grpc_connection.h"
#include "grpc/wire.h"

namespace pyserver {
namespace {

using namespace std::string_literals;

class StreamingCallsTest : public testing::Test {
 protected:
  explicit StreamingCallsTest(ClientOptions client = {}) : connection_({}, {}, client) {}

  StreamId open() {
    const StreamId id = connection_.open(GrpcConnection::call_fields());
    connection_.exchange();
    return id;
  }
  Buffer buffer(std::string_view text) {
    Result<Buffer> result = connection_.pool->take(text.size());
    std::memcpy(result->data(), text.data(), text.size());
    return *std::move(result);
  }

  GrpcConnection connection_;
  ReceiverLog& log_ = connection_.router.log;
};

TEST_F(StreamingCallsTest, MessagesArriveOneByOneInOrder) {
  const StreamId id = open();
  for (const char* message : {"a", "bb", "", "ccc"}) {
    connection_.send(id, framed(message));
    connection_.exchange();
    EXPECT_EQ(log_.messages.back(), message);
  }
  EXPECT_TRUE(log_.events.empty());
  connection_.send(id, "", true);
  connection_.exchange();
  EXPECT_EQ(log_.events, std::vector{"half-close"s});
  log_.call->finish({});
  connection_.exchange();
  EXPECT_EQ(connection_.counters.messages_received.value(), 4U);
}

TEST_F(StreamingCallsTest, AStreamWithoutAnyMessageHalfCloses) {
  connection_.open(GrpcConnection::call_fields(), true);
  connection_.exchange();
  EXPECT_EQ(log_.events, std::vector{"half-close"s});
  EXPECT_TRUE(log_.messages.empty());
}

TEST_F(StreamingCallsTest, AnswersGoBeforeTheRequestIsComplete) {
  const StreamId id = open();
  std::string expected;
  for (int i = 0; i < 5; ++i) {
    connection_.send(id, framed("ping"));
    connection_.exchange();
    EXPECT_TRUE(log_.call->send_message(buffer("pong")).ok());
    connection_.exchange();
    expected += framed("pong");
    EXPECT_EQ(connection_.stream(id).body, expected);
  }
  connection_.send(id, "", true);
  connection_.exchange();
  log_.call->finish({});
  connection_.exchange();
  EXPECT_EQ(connection_.stream(id).status(), 0);
  EXPECT_EQ(connection_.counters.messages_sent.value(), 5U);
}

TEST_F(StreamingCallsTest, AReceiverThatTakesNothingStopsThePeer) {
  const StreamId id = open();
  const std::string message(10'000, 'x');
  std::string body;
  for (int i = 0; i < 200; ++i) body += framed(message);
  connection_.send(id, body);
  connection_.exchange();
  const std::size_t delivered = log_.messages.size();
  EXPECT_GT(delivered * message.size(), ServerCall::kUntakenLimit);
  EXPECT_LT(delivered, 200U);
  EXPECT_EQ(connection_.window_left(id), 0);

  // With everything taken that was delivered, the rest comes.
  std::size_t taken = 0;
  while (taken < log_.messages.size()) {
    for (const std::size_t end = log_.messages.size(); taken < end; ++taken) log_.call->taken(message.size());
    connection_.exchange();
  }
  EXPECT_EQ(taken, 200U);
}

TEST_F(StreamingCallsTest, AReceiverThatTakesNothingStopsNoOtherCall) {
  const StreamId stopped = open();
  connection_.send(stopped, framed(std::string(300'000, 'x')) + framed(std::string(900'000, 'x')));
  connection_.exchange();
  ASSERT_EQ(connection_.window_left(stopped), 0);
  log_.messages.clear();
  connection_.unary("of another call");
  EXPECT_EQ(log_.messages, std::vector{"of another call"s});
}

TEST_F(StreamingCallsTest, AReceiverMayTakeWithinAMessage) {
  log_.on_message = [this](ReceivedMessage& message) { log_.call->taken(message.bytes.size()); };
  const StreamId id = open();
  std::string body;
  for (int i = 0; i < 200; ++i) body += framed(std::string(10'000, 'x'));
  connection_.send(id, body);
  connection_.exchange();
  EXPECT_EQ(log_.messages.size(), 200U);
}

TEST_F(StreamingCallsTest, WindowsStayOpenWithinOneMessage) {
  const StreamId id = open();
  connection_.send(id, framed(std::string(20 * ServerCall::kUntakenLimit, 'x')), true);
  connection_.exchange();
  EXPECT_EQ(log_.messages.size(), 1U);
  EXPECT_EQ(log_.events, std::vector{"half-close"s});
}

TEST_F(StreamingCallsTest, ACallThatIsFinishedGivesBackTheCreditThatItWithheld) {
  // Each call stops its peer; each must not cost the connection's window anything once it is finished.
  for (int i = 0; i < 200; ++i) {
    const StreamId id = open();
    connection_.send(id, framed(std::string(300'000, 'x')) + framed(std::string(300'000, 'y')), true);
    connection_.exchange();
    ASSERT_FALSE(log_.messages.empty()) << "call " << i;
    log_.messages.clear();
    log_.call->finish({});
    connection_.exchange();
    ASSERT_EQ(connection_.stream(id).status(), 0) << "call " << i;
  }
}

TEST_F(StreamingCallsTest, MoreThanWasDeliveredMayBeTaken) {
  const StreamId id = open();
  log_.call->taken(1'000'000);
  connection_.send(id, framed("a"));
  connection_.exchange();
  EXPECT_EQ(log_.messages, std::vector{"a"s});
}

class SlowReaderTest : public StreamingCallsTest {
 protected:
  SlowReaderTest() : StreamingCallsTest({.window = 16 << 10, .reads = false}) {}
};

TEST_F(SlowReaderTest, ASenderHearsWhenItMayGoOn) {
  const StreamId id = open();
  const std::string message(100'000, 'x');
  while (log_.call->backlog() <= Http2Session::kHighWater) {
    ASSERT_TRUE(log_.call->send_message(buffer(message)).ok());
  }
  connection_.exchange();
  EXPECT_GT(log_.call->backlog(), Http2Session::kLowWater);
  EXPECT_TRUE(log_.events.empty());
  std::size_t read = 0;
  for (int i = 0; i < 100 && log_.events.empty(); ++i) {
    connection_.read(id, connection_.stream(id).body.size() - read);
    read = connection_.stream(id).body.size();
    connection_.exchange();
  }
  EXPECT_EQ(log_.events, std::vector{"writable"s});
  EXPECT_LE(log_.call->backlog(), Http2Session::kLowWater);
}

TEST_F(SlowReaderTest, LentBytesAreGivenBackWhereTheCallerGoes) {
  const StreamId id = open();
  auto lent = std::make_shared<const std::string>(100'000, 'l');
  const std::weak_ptr<const std::string> kept = lent;
  ASSERT_TRUE(log_.call->send_message(Message(buffer("head"), {{4, bytes_of(*lent)}}, lent)).ok());
  lent.reset();
  connection_.exchange();
  EXPECT_FALSE(kept.expired());
  connection_.cancel(id);
  connection_.exchange();
  EXPECT_TRUE(kept.expired());
}

TEST_F(SlowReaderTest, ACallIsFinishedOnlyWhenItsLastByteIsOut) {
  const StreamId id = open();
  ASSERT_TRUE(log_.call->send_message(buffer(std::string(30'000, 'x'))).ok());
  log_.call->finish({});
  connection_.exchange();
  EXPECT_TRUE(log_.events.empty());
  connection_.read(id, connection_.stream(id).body.size());
  connection_.exchange();
  EXPECT_EQ(connection_.stream(id).status(), 0);
  EXPECT_EQ(log_.events, std::vector{"finished"s});
}

TEST_F(SlowReaderTest, WhatAPeerStillSendsAfterTheAnswerIsDroppedThoughTheAnswerIsNotOut) {
  const StreamId id = open();
  connection_.send(id, framed(std::string(300'000, 'x')) + framed(std::string(900'000, 'x')));
  connection_.exchange();
  ASSERT_EQ(connection_.window_left(id), 0);
  ASSERT_TRUE(log_.call->send_message(buffer(std::string(30'000, 'x'))).ok());
  log_.call->finish({});
  connection_.exchange();
  EXPECT_FALSE(connection_.stream(id).ended);
  EXPECT_GT(connection_.window_left(id), 0) << "all of it was taken";
}

TEST_F(SlowReaderTest, ACallThatIsCancelledWithABacklogIsNotFinished) {
  const StreamId id = open();
  ASSERT_TRUE(log_.call->send_message(buffer(std::string(30'000, 'x'))).ok());
  log_.call->finish({});
  connection_.exchange();
  connection_.cancel(id);
  connection_.exchange();
  EXPECT_EQ(log_.events, std::vector{"cancelled"s});
  EXPECT_EQ(connection_.counters.calls_cancelled.value(), 1U);
  EXPECT_EQ(connection_.pool->stats().used_bytes, 0U) << "the backlog's memory is given back";
}

}  // namespace
}  // namespace pyserver
