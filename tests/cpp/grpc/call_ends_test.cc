// How a call ends before its time: malformed or oversized messages, early answers, cancellation.
#include <gtest/gtest.h>

#include "grpc/grpc_connection.h"
#include "grpc/wire.h"

namespace pyserver {
namespace {

using namespace std::string_literals;

constexpr GrpcLimits kSmallLimits{.max_receive_message_bytes = 100, .max_send_message_bytes = 100};

class CallEndsTest : public testing::Test {
 protected:
  explicit CallEndsTest(GrpcLimits limits = kSmallLimits, BufferPoolLimits memory = {}) : connection_(limits, memory) {}

  StreamId open(const GrpcConnection::Fields& more = {}) {
    const StreamId id = connection_.open(GrpcConnection::call_fields(TestRouter::kKnown, more));
    connection_.exchange();
    return id;
  }
  ClientStream& send(StreamId id, std::string_view body, bool end = true) {
    connection_.send(id, body, end);
    connection_.exchange();
    return connection_.stream(id);
  }
  Buffer buffer(std::size_t size) { return *connection_.pool->take(size); }

  GrpcConnection connection_;
  ReceiverLog& log_ = connection_.router.log;
  GrpcCounters& counters_ = connection_.counters;
};

TEST_F(CallEndsTest, AMessageThatIsTooLargeIsRefusedBeforeItComes) {
  const ClientStream& stream = send(open(), framed_prefix(0, 200), false);
  EXPECT_EQ(stream.status(), 8);
  EXPECT_EQ(stream.message(), "received message of 200 bytes, larger than the limit of 100");
  EXPECT_TRUE(stream.closed) << "reset with NO_ERROR: the rest of the request is not wanted";
  EXPECT_EQ(stream.error, 0U);
  EXPECT_EQ(log_.events, std::vector{"cancelled"s});
  EXPECT_EQ(log_.reason, CancelReason::kProtocolError);
  EXPECT_EQ(counters_.messages_too_large.value(), 1U);
  EXPECT_EQ(counters_.calls_finished.value(), 1U) << "the peer has its answer";
  EXPECT_EQ(counters_.calls_cancelled.value(), 0U);
  EXPECT_EQ(counters_.malformed_calls.value(), 0U);
}

TEST_F(CallEndsTest, AMessageBeforeItIsStillDelivered) {
  send(open(), framed("good") + framed_prefix(0, 200));
  EXPECT_EQ(log_.messages, std::vector{"good"s});
  EXPECT_EQ(log_.events, std::vector{"cancelled"s});
}

TEST_F(CallEndsTest, AnAnswerThatIsTooLargeIsAnError) {
  const StreamId id = open();
  EXPECT_TRUE(log_.call->send_message(buffer(100)).ok());
  const Status status = log_.call->send_message(buffer(101));
  EXPECT_EQ(status, resource_exhausted("message of 101 bytes to send, larger than the limit of 100"));
  EXPECT_TRUE(log_.call->finished());
  connection_.exchange();
  EXPECT_EQ(connection_.stream(id).status(), 8);
  EXPECT_EQ(connection_.stream(id).message(), status.message());
  EXPECT_EQ(counters_.messages_too_large.value(), 1U);
  EXPECT_EQ(counters_.messages_sent.value(), 1U);
  EXPECT_EQ(log_.events, std::vector{"finished"s});
}

TEST_F(CallEndsTest, ABodyThatEndsWithinAMessageIsInternal) {
  for (const std::string& body : {framed("abc").substr(0, 3), framed("abc").substr(0, 5), framed("abc").substr(0, 7)}) {
    log_.events.clear();
    const ClientStream& stream = send(open(), body);
    EXPECT_EQ(stream.status(), 13);
    EXPECT_EQ(stream.message(), "the request ended within a message");
    EXPECT_EQ(log_.events, std::vector{"cancelled"s}) << "and no half-close";
  }
  EXPECT_EQ(counters_.malformed_calls.value(), 3U);
}

TEST_F(CallEndsTest, AFlagThatMeansNothingIsInternal) {
  EXPECT_EQ(send(open(), framed("abc", 2)).status(), 13);
  EXPECT_EQ(send(open(), framed("abc", 1)).status(), 13) << "compressed without an encoding";
  EXPECT_EQ(send(open({{"grpc-encoding", "gzip"}}), framed("abc", 1)).status(), 13) << "no gzip";
  EXPECT_EQ(counters_.malformed_calls.value(), 3U);
  EXPECT_EQ(counters_.calls_finished.value(), 3U);
}

TEST_F(CallEndsTest, TheReceiverMayFinishWithinAMessage) {
  log_.on_message = [this](ReceivedMessage&) { log_.call->finish({}); };
  const ClientStream& stream = send(open(), framed("one") + framed("two"), false);
  EXPECT_EQ(stream.status(), 0);
  EXPECT_EQ(log_.messages, std::vector{"one"s}) << "what comes after is dropped";
  EXPECT_TRUE(stream.closed);
  EXPECT_EQ(stream.error, 0U);
  EXPECT_EQ(log_.events, std::vector{"finished"s});
}

TEST_F(CallEndsTest, TheRouterMayFinishTheCall) {
  connection_.router.on_route = [](ServerCall& call) { call.finish(unavailable("not now")); };
  const StreamId id = open();
  EXPECT_EQ(connection_.stream(id).status(), 14);
  EXPECT_EQ(log_.events, std::vector{"finished"s});
}

TEST_F(CallEndsTest, WhatIsDoneAfterTheEndIsIgnored) {
  log_.on_message = [this](ReceivedMessage&) {
    ServerCall& call = *log_.call;
    call.finish(unavailable("first"));
    call.finish({});
    call.send_initial_metadata({{"too", "late"}});
    call.set_compression(Compression::kGzip);
    EXPECT_TRUE(call.send_message(buffer(1000)).ok());
    call.taken(1000);
  };
  const ClientStream& stream = send(open(), framed("one"));
  EXPECT_EQ(stream.status(), 14);
  EXPECT_EQ(stream.header_frames, 1);
  EXPECT_EQ(counters_.messages_sent.value(), 0U);
  EXPECT_EQ(counters_.messages_too_large.value(), 0U);
}

TEST_F(CallEndsTest, AnEarlyAnswerEndsTheRequest) {
  const StreamId id = open();
  log_.call->finish(unavailable("busy"));
  connection_.exchange();
  EXPECT_EQ(connection_.stream(id).status(), 14);
  EXPECT_TRUE(connection_.stream(id).closed);
  EXPECT_EQ(connection_.stream(id).error, 0U);
  EXPECT_EQ(log_.events, std::vector{"finished"s});
  EXPECT_EQ(counters_.calls_finished.value(), 1U);
}

TEST_F(CallEndsTest, TheReceiverHearsThatThePeerCancelled) {
  const StreamId id = open();
  connection_.cancel(id);
  connection_.exchange();
  EXPECT_EQ(log_.events, std::vector{"cancelled"s});
  EXPECT_EQ(log_.reason, CancelReason::kByPeer);
  EXPECT_EQ(counters_.calls_cancelled.value(), 1U);
  EXPECT_EQ(counters_.calls_finished.value(), 0U);
}

TEST_F(CallEndsTest, AnAnswerThatThePeerNoLongerWantsIsCancelled) {
  const StreamId id = open();
  connection_.cancel(id);
  log_.call->finish({});  // before the reset is there
  connection_.exchange();
  EXPECT_EQ(log_.events, std::vector{"cancelled"s});
  EXPECT_EQ(counters_.calls_cancelled.value() + counters_.calls_finished.value(), 1U);
}

TEST_F(CallEndsTest, TheReceiverHearsThatTheConnectionIsGone) {
  open();
  connection_.close_session();
  EXPECT_EQ(log_.events, std::vector{"cancelled"s});
  EXPECT_EQ(counters_.calls_cancelled.value(), 1U);
}

TEST_F(CallEndsTest, TheReceiverHearsThatTheServerStops) {
  open();
  connection_.session().close(Http2Error::kNoError);
  connection_.exchange();
  EXPECT_EQ(log_.events, std::vector{"cancelled"s});
  EXPECT_EQ(log_.reason, CancelReason::kServerStopping);
}

class CallsWithoutMemoryTest : public CallEndsTest {
 protected:
  CallsWithoutMemoryTest() : CallEndsTest({}, {.max_bytes = 100'000, .max_idle_bytes = 0}) {}
};

TEST_F(CallsWithoutMemoryTest, AMessageThatHasNoRoomIsRefused) {
  const ClientStream& stream = send(open(), framed(std::string(300'000, 'x')));
  EXPECT_EQ(stream.status(), 8);
  EXPECT_EQ(counters_.out_of_memory.value(), 1U);
  EXPECT_EQ(counters_.messages_too_large.value(), 0U);
  EXPECT_EQ(log_.events, std::vector{"cancelled"s});
  log_.on_half_close = [this] { log_.call->finish({}); };
  EXPECT_EQ(send(open(), framed("small")).status(), 0) << "others are served";
}

}  // namespace
}  // namespace pyserver
