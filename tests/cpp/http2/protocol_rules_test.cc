// What RFC 9113 asks of a server when a peer breaks its rules, where it is ours or depends on how nghttp2 is set up.
#include <gtest/gtest.h>

#include "http2/client_peer.h"
#include "http2/raw_peer.h"

namespace pyserver::test {
namespace {

constexpr std::uint8_t kEndHeaders = NGHTTP2_FLAG_END_HEADERS;
constexpr std::uint8_t kEndStream = NGHTTP2_FLAG_END_STREAM;

struct MalformedCase {
  const char* name;
  std::string block;
};

class MalformedRequest : public testing::TestWithParam<MalformedCase> {};

TEST_P(MalformedRequest, EndsItsStreamOnly) {
  ServerSide server;
  server.at_end = [&](StreamId id) { server.answer(id, "fine"); };
  RawPeer raw(server);
  raw.send(frame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 1, GetParam().block));
  EXPECT_EQ(raw.reset(1), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_FALSE(server.seen.contains(1));
  raw.request(3);
  EXPECT_EQ(server.seen[3].closed, Http2Error::kNoError);
  EXPECT_FALSE(raw.goaway());
  EXPECT_EQ(server.session->streams(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, MalformedRequest,
    testing::Values(MalformedCase{"UpperCaseName", request_block(field("Te", "trailers"))},
                    MalformedCase{"ConnectionField", request_block(field("connection", "close"))},
                    MalformedCase{"TransferEncoding", request_block(field("transfer-encoding", "chunked"))},
                    MalformedCase{"OtherTe", request_block(field("te", "gzip"))},
                    MalformedCase{"NoPath", field(":method", "POST") + field(":scheme", "http")},
                    MalformedCase{"EmptyPath",
                                  field(":method", "POST") + field(":scheme", "http") + field(":path", "")},
                    MalformedCase{"TwoMethods", request_block(field(":method", "GET"))},
                    MalformedCase{"PseudoAfterRegular", field("a", "b") + request_block()},
                    MalformedCase{"UnknownPseudo", field(":x", "y") + request_block()},
                    MalformedCase{"ResponsePseudo", field(":status", "200") + request_block()},
                    MalformedCase{"ControlInValue", request_block(field("a", std::string("x\r\ny")))},
                    MalformedCase{"BlankInName", request_block(field("a b", "c"))},
                    MalformedCase{"ContentLengthWithoutBody", request_block(field("content-length", "3"))}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(ProtocolRules, StripsWhiteSpaceAroundValues) {
  ServerSide server;
  RawPeer raw(server);
  raw.request(1, true, field("a", " \tb c\t") + field("empty", "  "));
  EXPECT_EQ(server.seen[1].header("a"), "b c");
  EXPECT_EQ(server.seen[1].header("empty"), "");
}

TEST(ProtocolRules, ABodyOfTheWrongLengthEndsTheStream) {
  ServerSide server;
  RawPeer raw(server);
  raw.request(1, false, field("content-length", "3"));
  raw.send(frame(NGHTTP2_DATA, kEndStream, 1, "four"));
  EXPECT_EQ(raw.reset(1), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_FALSE(server.seen[1].ended);
  EXPECT_EQ(server.seen[1].closed, Http2Error::kProtocolError);
  EXPECT_FALSE(raw.goaway());
}

TEST(ProtocolRules, ClosesTheExchangeBeforeTheResetThatItWasMadeToSendIsTaken) {
  ServerSide server;
  RawPeer raw(server);
  raw.request(1, false);
  raw.send_only(frame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 1, field("Upper", "case")));
  EXPECT_EQ(server.seen[1].closed, Http2Error::kProtocolError);
}

struct ConnectionErrorCase {
  const char* name;
  std::string bytes;
  std::uint32_t error;
};

class ConnectionError : public testing::TestWithParam<ConnectionErrorCase> {};

TEST_P(ConnectionError, EndsTheConnectionWithGoaway) {
  ServerSide server;
  server.at_end = [&](StreamId id) { server.answer(id, "fine"); };
  RawPeer raw(server);
  raw.request(1);         // ended by both
  raw.request(3, false);  // open
  raw.request(5, false);
  raw.send(frame(NGHTTP2_DATA, kEndStream, 5, "x"));
  ASSERT_FALSE(raw.goaway());
  raw.send(GetParam().bytes);
  EXPECT_EQ(raw.goaway(), GetParam().error);
  EXPECT_TRUE(server.session->ended());
  EXPECT_TRUE(server.seen[3].closed);
  EXPECT_EQ(server.counters.protocol_errors.value(), 1U);
  EXPECT_EQ(server.counters.floods.value(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, ConnectionError,
    testing::Values(
        ConnectionErrorCase{"DataAfterTheEnd", frame(NGHTTP2_DATA, kEndStream, 1, "x"), NGHTTP2_STREAM_CLOSED},
        ConnectionErrorCase{"HeadersAfterTheEnd", frame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 5, request_block()),
                            NGHTTP2_STREAM_CLOSED},
        ConnectionErrorCase{"PriorityOnItself", frame(NGHTTP2_PRIORITY, 0, 3, big_endian(3) + "x"),
                            NGHTTP2_PROTOCOL_ERROR},
        ConnectionErrorCase{"PriorityOfNoStream", frame(NGHTTP2_PRIORITY, 0, 0, big_endian(3) + "x"),
                            NGHTTP2_PROTOCOL_ERROR},
        ConnectionErrorCase{"HeadersOnThemselves",
                            frame(NGHTTP2_HEADERS, kEndHeaders | kEndStream | NGHTTP2_FLAG_PRIORITY, 7,
                                  big_endian(7) + "x" + request_block()),
                            NGHTTP2_PROTOCOL_ERROR},
        ConnectionErrorCase{"DataOnNoStream", frame(NGHTTP2_DATA, 0, 0, "x"), NGHTTP2_PROTOCOL_ERROR},
        ConnectionErrorCase{"DataOnAnIdleStream", frame(NGHTTP2_DATA, 0, 99, "x"), NGHTTP2_PROTOCOL_ERROR},
        ConnectionErrorCase{"ResetOfAnIdleStream", frame(NGHTTP2_RST_STREAM, 0, 99, big_endian(8)),
                            NGHTTP2_PROTOCOL_ERROR},
        ConnectionErrorCase{"EvenStream", frame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 2, request_block()),
                            NGHTTP2_PROTOCOL_ERROR},
        ConnectionErrorCase{"ContinuationWithoutHeaders", frame(NGHTTP2_CONTINUATION, kEndHeaders, 3, ""),
                            NGHTTP2_PROTOCOL_ERROR},
        ConnectionErrorCase{"FrameWithinAHeaderBlock",
                            frame(NGHTTP2_HEADERS, 0, 7, request_block()) + frame(NGHTTP2_PING, 0, 0, "12345678"),
                            NGHTTP2_PROTOCOL_ERROR},
        ConnectionErrorCase{"ShortPing", frame(NGHTTP2_PING, 0, 0, "1234"), NGHTTP2_FRAME_SIZE_ERROR},
        ConnectionErrorCase{"FrameTooLarge", frame(NGHTTP2_DATA, 0, 3, std::string(16'385, 'x')),
                            NGHTTP2_FRAME_SIZE_ERROR},
        ConnectionErrorCase{"PaddingLongerThanTheFrame", frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 3, "\x05x"),
                            NGHTTP2_PROTOCOL_ERROR},
        ConnectionErrorCase{"BadCompression", frame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 7, "\xff\xff\xff\xff"),
                            NGHTTP2_COMPRESSION_ERROR},
        ConnectionErrorCase{"PushFromAClient", frame(NGHTTP2_PUSH_PROMISE, kEndHeaders, 3, big_endian(4)),
                            NGHTTP2_PROTOCOL_ERROR},
        ConnectionErrorCase{"WindowOverflow", frame(NGHTTP2_WINDOW_UPDATE, 0, 0, big_endian(0x7fffffff)),
                            NGHTTP2_FLOW_CONTROL_ERROR}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(ProtocolRules, DataAfterAResetOfThePeerIsAnErrorOfTheStream) {
  ServerSide server;
  RawPeer raw(server);
  raw.request(1, false);
  raw.send(frame(NGHTTP2_RST_STREAM, 0, 1, big_endian(NGHTTP2_CANCEL)));
  raw.send(frame(NGHTTP2_DATA, 0, 1, "late"));
  EXPECT_EQ(raw.reset(1), NGHTTP2_STREAM_CLOSED);
  EXPECT_FALSE(raw.goaway());
}

TEST(ProtocolRules, DataAfterAResetOfOursIsIgnored) {
  ServerSide server;
  RawPeer raw(server);
  raw.request(1, false);
  server.session->reset(1, Http2Error::kCancel);
  raw.send(frame(NGHTTP2_DATA, 0, 1, "underway"));
  raw.send(frame(NGHTTP2_DATA, kEndStream, 1, "underway"));
  EXPECT_EQ(raw.count(NGHTTP2_RST_STREAM), 1U);
  EXPECT_FALSE(raw.goaway());
}

TEST(ProtocolRules, WhatIsNotHttp2EndsAtOnce) {
  ServerSide server;
  RawPeer raw(server, false);
  raw.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(raw.goaway(), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_TRUE(server.session->ended());
  EXPECT_FALSE(server.session->wants_to_produce());
}

TEST(ProtocolRules, CountsTheStreamBeyondTheLimitThatEndsAConnection) {
  Http2Limits limits;
  limits.max_concurrent_streams = 1;
  ServerSide server(limits);
  RawPeer raw(server);  // has acknowledged our settings
  raw.request(1, false);
  raw.request(3, false);
  EXPECT_EQ(raw.goaway(), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(server.counters.streams_refused.value(), 1U);
}

TEST(ProtocolRules, RefusesStreamsBeyondTheLimitThatThePeerDoesNotKnowYet) {
  Http2Limits limits;
  limits.max_concurrent_streams = 2;
  ServerSide server(limits);
  ClientPeer client;
  for (int index = 0; index < 5; ++index) client.request("x", true);
  server.session->receive(bytes_of(client.produce()));
  EXPECT_EQ(server.session->streams(), 2U);
  EXPECT_EQ(server.counters.streams_refused.value(), 3U);
  client.talk(server);
  EXPECT_EQ(client.answers[5].reset, NGHTTP2_REFUSED_STREAM);
  EXPECT_FALSE(client.goaway);
}

TEST(ProtocolRules, TellsItsLimits) {
  ServerSide server;
  ClientPeer client;
  client.talk(server);
  const auto told = [&](nghttp2_settings_id id) { return nghttp2_session_get_remote_settings(client.session(), id); };
  EXPECT_EQ(told(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS), server.limits.max_concurrent_streams);
  EXPECT_EQ(told(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE), server.limits.initial_window_bytes);
  EXPECT_EQ(told(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE), server.limits.max_header_list_bytes);
  EXPECT_EQ(nghttp2_session_get_remote_window_size(client.session()),
            static_cast<std::int32_t>(server.limits.initial_window_bytes));
}

TEST(ProtocolRules, AStreamThatWasPassedOverCanNeverBeUsed) {
  ServerSide server;
  server.at_end = [&](StreamId id) { server.answer(id, "fine"); };
  RawPeer raw(server);
  raw.request(5);
  raw.request(9);
  EXPECT_FALSE(raw.goaway());
  raw.request(7);
  EXPECT_EQ(raw.goaway(), NGHTTP2_PROTOCOL_ERROR);
}

}  // namespace
}  // namespace pyserver::test
