// Calls with one message each way: what goes over the wire.
#include <gtest/gtest.h>

#include <cstring>

#include "grpc/grpc_connection.h"
#include "grpc/wire.h"

namespace pyserver {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using Fields = GrpcConnection::Fields;

class UnaryCallsTest : public testing::Test {
 protected:
  Buffer buffer(std::string_view text) {
    if (text.empty()) return {};
    Result<Buffer> result = connection_.pool->take(text.size());
    std::memcpy(result->data(), text.data(), text.size());
    return *std::move(result);
  }
  // The call is answered so when all of the request is there.
  void answer(std::function<void(ServerCall&)> answer) {
    log_.on_half_close = [this, answer = std::move(answer)] { answer(*log_.call); };
  }
  void answer_with(Status status) {
    answer([status = std::move(status)](ServerCall& call) { call.finish(status); });
  }
  void echo() {
    answer([this](ServerCall& call) {
      EXPECT_TRUE(call.send_message(buffer(log_.messages.back())).ok());
      call.finish({});
    });
  }

  GrpcConnection connection_;
  ReceiverLog& log_ = connection_.router.log;
};

TEST_F(UnaryCallsTest, AnAnswerIsHeadersAMessageAndTrailers) {
  echo();
  const ClientStream& stream = connection_.unary("ping");
  EXPECT_EQ(stream.headers, (Fields{{":status", "200"},
                                    {"content-type", "application/grpc"},
                                    {"grpc-accept-encoding", "identity,deflate,gzip"}}));
  EXPECT_EQ(stream.body, framed("ping"));
  EXPECT_EQ(stream.trailers, (Fields{{"grpc-status", "0"}}));
  EXPECT_EQ(log_.messages, std::vector{"ping"s});
  EXPECT_EQ(log_.events, (std::vector{"half-close"s, "finished"s}));
  EXPECT_EQ(stream.error, 0U);
}

TEST_F(UnaryCallsTest, EveryCallIsCountedOnce) {
  echo();
  for (int i = 0; i < 3; ++i) connection_.unary("ping");
  const GrpcCounters& counters = connection_.counters;
  EXPECT_EQ(counters.calls_started.value(), 3U);
  EXPECT_EQ(counters.calls_finished.value(), 3U);
  EXPECT_EQ(counters.calls_cancelled.value(), 0U);
  EXPECT_EQ(counters.messages_received.value(), 3U);
  EXPECT_EQ(counters.messages_sent.value(), 3U);
  EXPECT_EQ(counters.malformed_calls.value(), 0U);
}

TEST_F(UnaryCallsTest, EmptyMessagesGoBothWays) {
  echo();
  const ClientStream& stream = connection_.unary("");
  EXPECT_EQ(stream.body, framed(""));
  EXPECT_EQ(log_.messages, std::vector{""s});
}

TEST_F(UnaryCallsTest, ALargeMessageGoesBothWays) {
  echo();
  const std::string message(5 << 20, 'x');
  const ClientStream& stream = connection_.unary(message);
  EXPECT_TRUE(stream.body == framed(message));
  EXPECT_EQ(stream.status(), 0);
}

TEST_F(UnaryCallsTest, AnErrorWithoutAMessageIsTrailersOnly) {
  answer_with(not_found("no such model"));
  const ClientStream& stream = connection_.unary("ping");
  EXPECT_EQ(stream.headers, (Fields{{":status", "200"},
                                    {"content-type", "application/grpc"},
                                    {"grpc-status", "5"},
                                    {"grpc-message", "no such model"}}));
  EXPECT_EQ(stream.header_frames, 1);
  EXPECT_TRUE(stream.ended);
  EXPECT_EQ(stream.body, "");
}

TEST_F(UnaryCallsTest, OkWithoutAMessageIsTrailersOnlyToo) {
  answer_with({});
  const ClientStream& stream = connection_.unary("ping");
  EXPECT_EQ(stream.header_frames, 1);
  EXPECT_EQ(stream.status(), 0);
}

TEST_F(UnaryCallsTest, AnErrorAfterAMessageGoesIntoTheTrailers) {
  answer([this](ServerCall& call) {
    EXPECT_TRUE(call.send_message(buffer("half")).ok());
    call.finish(internal_error("broke"));
  });
  const ClientStream& stream = connection_.unary("ping");
  EXPECT_EQ(stream.body, framed("half"));
  EXPECT_EQ(stream.trailers, (Fields{{"grpc-status", "13"}, {"grpc-message", "broke"}}));
}

TEST_F(UnaryCallsTest, AMessageOfAnyTextArrives) {
  const std::string text = "\t\nwith 100% ☺ 😈\r\n";
  answer_with(unavailable(text));
  const ClientStream& stream = connection_.unary("ping");
  EXPECT_EQ(stream.message(), text);
  EXPECT_EQ(stream.error, 0U);
}

TEST_F(UnaryCallsTest, AMessageWithoutEndIsCut) {
  answer_with(unavailable(std::string(1 << 20, '\n')));
  const ClientStream& stream = connection_.unary("ping");
  EXPECT_EQ(stream.status(), 14);
  EXPECT_LE(stream.trailer("grpc-message").size(), kMaxStatusMessageBytes);
  EXPECT_TRUE(stream.message().ends_with("\n…"));
}

TEST_F(UnaryCallsTest, DetailsAndTrailingMetadataGoWithTheStatus) {
  answer([](ServerCall& call) {
    call.finish(unavailable("busy"), {{"retry", "later"}, {"proof-bin", "\0\xff"s}, {"retry", "again"}}, "\x08\x0e");
  });
  const ClientStream& stream = connection_.unary("ping");
  EXPECT_EQ(stream.headers, (Fields{{":status", "200"},
                                    {"content-type", "application/grpc"},
                                    {"grpc-status", "14"},
                                    {"grpc-message", "busy"},
                                    {"grpc-status-details-bin", "CA4"},
                                    {"retry", "later"},
                                    {"proof-bin", "AP8"},
                                    {"retry", "again"}}));
}

TEST_F(UnaryCallsTest, DetailsThatNoClientWouldTakeAreLeftOutAndSaidSo) {
  answer([](ServerCall& call) {
    call.finish(unavailable("busy"), {}, std::string(ServerCall::kMaxDetailsBytes + 1, 'x'));
  });
  const ClientStream& stream = connection_.unary("ping");
  EXPECT_EQ(stream.trailer("grpc-status-details-bin"), "");
  EXPECT_EQ(stream.message(), "busy (its details, 16385 bytes, are more than can be sent)");
}

TEST_F(UnaryCallsTest, AllTheMetadataThatMayBeSentArrives) {
  const Metadata metadata = {{"k", std::string(kMaxSentMetadataBytes - 33, 'x')}};
  ASSERT_TRUE(check_metadata(metadata).ok());
  answer([&](ServerCall& call) {
    call.finish(unavailable(std::string(1 << 20, '\n')), metadata, std::string(ServerCall::kMaxDetailsBytes, 'x'));
  });
  const ClientStream& stream = connection_.unary("ping");
  EXPECT_EQ(stream.status(), 14);
  EXPECT_EQ(stream.trailer("k").size(), metadata[0].value.size());
}

TEST_F(UnaryCallsTest, InitialMetadataGoesAtOnce) {
  connection_.router.on_route = [](ServerCall& call) {
    call.send_initial_metadata({{"k", " v "}, {"k-bin", "\0"s}});
    call.send_initial_metadata({{"too", "late"}});
  };
  const StreamId id = connection_.open(GrpcConnection::call_fields());
  connection_.exchange();
  EXPECT_EQ(connection_.stream(id).headers, (Fields{{":status", "200"},
                                                    {"content-type", "application/grpc"},
                                                    {"grpc-accept-encoding", "identity,deflate,gzip"},
                                                    {"k", "v"},
                                                    {"k-bin", "AA"}}));
  log_.call->finish({});
  connection_.exchange();
  EXPECT_EQ(connection_.stream(id).trailers, (Fields{{"grpc-status", "0"}}));
}

TEST_F(UnaryCallsTest, TheHeadHasWhatTheCallBeganWith) {
  std::string path, authority, agent, accepted;
  Metadata metadata;
  Compression encoding{};
  answer([&](ServerCall& call) {
    path = call.head().path;
    authority = call.head().authority();
    agent = call.head().user_agent();
    accepted = call.head().accepted_encodings();
    encoding = call.head().request_encoding;
    metadata = *call.head().metadata();
    call.finish({});
  });
  connection_.unary("", {{"user-agent", "test/1"},
                         {"grpc-encoding", "deflate"},
                         {"grpc-accept-encoding", "gzip"},
                         {"key", "value"},
                         {"key-bin", "Zm8="}});
  EXPECT_EQ(path, TestRouter::kKnown);
  EXPECT_EQ(authority, "test");
  EXPECT_EQ(agent, "test/1");
  EXPECT_EQ(accepted, "gzip");
  EXPECT_EQ(encoding, Compression::kDeflate);
  EXPECT_EQ(metadata, (Metadata{{"user-agent", "test/1"}, {"key", "value"}, {"key-bin", "fo"}}));
}

TEST_F(UnaryCallsTest, TheDeadlineIsTheTimeoutFromNow) {
  TimePoint received, deadline;
  answer([&](ServerCall& call) {
    received = call.head().received;
    deadline = call.head().deadline;
    call.finish({});
  });
  connection_.unary("", {{"grpc-timeout", "1500m"}});
  EXPECT_EQ(received, connection_.clock.now());
  EXPECT_EQ(deadline, connection_.clock.now() + 1500ms);
  connection_.unary("", {{"grpc-timeout", "99999999H"}});
  EXPECT_EQ(deadline, kNever);
  connection_.unary("");
  EXPECT_EQ(deadline, kNever);
}

// Written bytes around a lent piece, as a large tensor is answered.
Message message_with_loan(GrpcConnection& connection, const std::shared_ptr<const std::string>& lent) {
  Buffer written = std::move(*connection.pool->take(10));
  std::memcpy(written.data(), "headledger", 10);
  return {std::move(written), {{4, bytes_of(*lent)}}, lent};
}

TEST_F(UnaryCallsTest, LentBytesAreSentInTheirPlaceAndKeptUntilThen) {
  std::weak_ptr<const std::string> kept;
  answer([&](ServerCall& call) {
    const auto lent = std::make_shared<const std::string>(100'000, 'l');
    kept = lent;
    EXPECT_TRUE(call.send_message(message_with_loan(connection_, lent)).ok());
    call.finish({});
  });
  const ClientStream& stream = connection_.unary("");
  EXPECT_EQ(stream.body, framed("head" + std::string(100'000, 'l') + "ledger"));
  EXPECT_TRUE(kept.expired());
}

class CompressedCallsTest : public UnaryCallsTest {
 protected:
  std::string gzipped(std::string_view text) {
    const Result<Buffer> result = compress(Compression::kGzip, bytes_of(text), *connection_.pool);
    return text_of(*result);
  }
  void answer_compressed(std::string message, bool compress = true) {
    answer([this, message = std::move(message), compress](ServerCall& call) {
      call.set_compression(Compression::kGzip);
      EXPECT_TRUE(call.send_message(buffer(message), compress).ok());
      call.finish({});
    });
  }
  const std::string text_ = std::string(10'000, 'x');
};

TEST_F(CompressedCallsTest, AMessageIsDecompressedWhereItIsMarked) {
  answer_with({});
  const StreamId id = connection_.open(GrpcConnection::call_fields(TestRouter::kKnown, {{"grpc-encoding", "gzip"}}));
  connection_.send(id, framed(gzipped(text_), 1) + framed("plain"), true);
  connection_.exchange();
  EXPECT_EQ(log_.messages, (std::vector{text_, "plain"s}));
  EXPECT_EQ(log_.compressed, (std::vector{true, false}));
}

TEST_F(CompressedCallsTest, AnAnswerIsCompressedWhereThePeerAcceptsIt) {
  answer_compressed(text_);
  const ClientStream& stream = connection_.unary("", {{"grpc-accept-encoding", "identity, deflate, gzip"}});
  EXPECT_EQ(stream.header("grpc-encoding"), "gzip");
  ASSERT_LT(stream.body.size(), text_.size());
  EXPECT_EQ(stream.body[0], 1);
  EXPECT_EQ(stream.body.substr(0, 5), framed_prefix(1, stream.body.size() - 5));
  const Result<Buffer> back =
      decompress(Compression::kGzip, bytes_of(stream.body.substr(5)), 1 << 20, *connection_.pool);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(text_of(*back), text_);
}

TEST_F(CompressedCallsTest, LentBytesAreCompressedWithTheOthers) {
  answer([this](ServerCall& call) {
    call.set_compression(Compression::kGzip);
    const auto lent = std::make_shared<const std::string>(100'000, 'l');
    EXPECT_TRUE(call.send_message(message_with_loan(connection_, lent)).ok());
    call.finish({});
  });
  const ClientStream& stream = connection_.unary("", {{"grpc-accept-encoding", "gzip"}});
  ASSERT_LT(stream.body.size(), 10'000U);
  const Result<Buffer> back =
      decompress(Compression::kGzip, bytes_of(stream.body.substr(5)), 1 << 20, *connection_.pool);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(text_of(*back), "head" + std::string(100'000, 'l') + "ledger");
}

TEST_F(CompressedCallsTest, AnAnswerGoesAsItIsWhereThePeerDoesNotAcceptIt) {
  answer_compressed(text_);
  for (const Fields& accepted : {Fields{}, Fields{{"grpc-accept-encoding", "identity,deflate"}}}) {
    const ClientStream& stream = connection_.unary("", accepted);
    EXPECT_EQ(stream.header("grpc-encoding"), "");
    EXPECT_EQ(stream.body, framed(text_));
  }
}

TEST_F(CompressedCallsTest, OneMessageMayGoAsItIs) {
  answer_compressed(text_, false);
  const ClientStream& stream = connection_.unary("", {{"grpc-accept-encoding", "gzip"}});
  EXPECT_EQ(stream.header("grpc-encoding"), "gzip");
  EXPECT_EQ(stream.body, framed(text_));
}

TEST_F(CompressedCallsTest, WhatDoesNotShrinkGoesAsItIs) {
  for (const char* message : {"", "abc"}) {
    answer_compressed(message);
    EXPECT_EQ(connection_.unary("", {{"grpc-accept-encoding", "gzip"}}).body, framed(message));
  }
}

TEST_F(CompressedCallsTest, CompressionIsSettledWithTheHeaders) {
  answer([this](ServerCall& call) {
    call.send_initial_metadata({});
    call.set_compression(Compression::kGzip);
    EXPECT_TRUE(call.send_message(buffer(text_)).ok());
    call.finish({});
  });
  const ClientStream& stream = connection_.unary("", {{"grpc-accept-encoding", "gzip"}});
  EXPECT_EQ(stream.header("grpc-encoding"), "");
  EXPECT_EQ(stream.body, framed(text_));
}

}  // namespace
}  // namespace pyserver
