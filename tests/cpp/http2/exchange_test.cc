#include <gtest/gtest.h>

#include "http2/client_peer.h"
#include "http2/raw_peer.h"

namespace pyserver::test {
namespace {

TEST(Exchange, AnswersAUnaryRequest) {
  ServerSide server;
  ClientPeer client;
  server.at_end = [&](StreamId id) { server.answer(id, server.seen[id].body + " back"); };
  const StreamId id = client.request("there");
  client.talk(server);
  EXPECT_EQ(server.seen[id].header(":path"), "/s/M");
  EXPECT_EQ(server.seen[id].header("te"), "trailers");
  EXPECT_EQ(server.seen[id].body, "there");
  EXPECT_EQ(server.seen[id].closed, Http2Error::kNoError);
  EXPECT_EQ(client.answers[id].headers[":status"], "200");
  EXPECT_EQ(client.answers[id].body, "there back");
  EXPECT_EQ(client.answers[id].trailers["grpc-status"], "0");
  EXPECT_TRUE(client.answers[id].closed);
  EXPECT_FALSE(client.answers[id].reset);
  EXPECT_EQ(server.session->streams(), 0U);
}

TEST(Exchange, ProducesAWholeAnswerAtOnce) {
  ServerSide server;
  ClientPeer client;
  const StreamId id = client.request("there");
  client.talk(server);
  server.answer(id, "back");
  client.receive(server.produce());  // once
  EXPECT_TRUE(client.answers[id].ended);
  EXPECT_EQ(client.answers[id].data_frames, 1U);
  EXPECT_EQ(server.seen[id].closed, Http2Error::kNoError);
}

TEST(Exchange, AnswersWithTrailersOnly) {
  ServerSide server;
  ClientPeer client;
  constexpr std::array<HeaderField, 2> kFields{{{":status", "200"}, {"grpc-status", "5"}}};
  server.at_end = [&](StreamId id) { server.session->send_headers(id, kFields, true); };
  const StreamId id = client.request("there");
  client.talk(server);
  EXPECT_EQ(client.answers[id].headers["grpc-status"], "5");
  EXPECT_TRUE(client.answers[id].ended);
  EXPECT_EQ(client.answers[id].data_frames, 0U);
}

TEST(Exchange, SendsTrailersWithoutABodyAndABodyWithoutTrailers) {
  ServerSide server;
  ClientPeer client;
  const StreamId no_body = client.request();
  const StreamId no_trailers = client.request();
  client.talk(server);
  server.session->send_headers(no_body, ServerSide::kHeaders, false);
  server.session->send_trailers(no_body, ServerSide::kTrailers);
  server.session->send_headers(no_trailers, ServerSide::kHeaders, false);
  server.session->send_data(no_trailers, server.piece("body"));
  client.talk(server);
  EXPECT_FALSE(client.answers[no_trailers].ended);
  server.session->end_body(no_trailers);
  client.talk(server);
  EXPECT_EQ(client.answers[no_body].trailers["grpc-status"], "0");
  EXPECT_EQ(client.answers[no_body].data_frames, 0U);
  EXPECT_TRUE(client.answers[no_trailers].ended);
  EXPECT_EQ(client.answers[no_trailers].body, "body");
  EXPECT_EQ(server.session->streams(), 0U);
}

TEST(Exchange, AnswersWithinOnRequest) {
  ServerSide server;
  ClientPeer client;
  server.at_request = [&](StreamId id) { server.answer(id, "early"); };
  const StreamId id = client.request();
  client.talk(server);
  EXPECT_EQ(client.answers[id].body, "early");
  EXPECT_TRUE(server.seen[id].ended);
  EXPECT_EQ(server.seen[id].closed, Http2Error::kNoError);
}

TEST(Exchange, ResetsWithNoErrorWhatIsAnsweredBeforeItIsComplete) {
  ServerSide server;
  ClientPeer client;
  const StreamId id = client.request("half", true);
  client.talk(server);
  server.answer(id, "enough");
  client.talk(server);
  EXPECT_EQ(client.answers[id].body, "enough");
  EXPECT_TRUE(client.answers[id].ended);
  EXPECT_EQ(client.answers[id].reset, NGHTTP2_NO_ERROR);
  EXPECT_EQ(server.seen[id].closed, Http2Error::kNoError);
  EXPECT_FALSE(server.seen[id].by_peer);
}

TEST(Exchange, SendsLargeBodiesFromTheirOwnMemory) {
  ServerSide server;
  ClientPeer client(1 << 24);
  const StreamId id = client.request();
  client.talk(server);
  std::string content(1'000'000, '\0');
  for (std::size_t index = 0; index < content.size(); ++index) content[index] = static_cast<char>(index * 31 >> 3);
  BodyPiece piece = server.piece(content, "12345");
  const std::byte* const memory = piece.buffer.data();
  server.session->send_headers(id, ServerSide::kHeaders, false);
  server.session->send_data(id, std::move(piece));
  server.session->send_trailers(id, ServerSide::kTrailers);
  server.session->produce(server.out, 100'000);
  EXPECT_LT(server.out.size(), 120'000U);  // stops when it has enough
  std::array<iovec, 64> pieces;
  const std::size_t count = server.out.front(pieces);
  std::size_t borrowed = 0;
  for (std::size_t index = 0; index < count; ++index) {
    const auto* at = static_cast<const std::byte*>(pieces[index].iov_base);
    if (at >= memory && at < memory + content.size()) borrowed += pieces[index].iov_len;
  }
  EXPECT_GT(borrowed, 90'000U);
  client.receive(server.drain_queue());
  client.talk(server);
  EXPECT_EQ(client.answers[id].body, "12345" + content);
  EXPECT_EQ(client.answers[id].trailers["grpc-status"], "0");
  EXPECT_EQ(server.pool->stats().used_bytes, 0U);  // and lets go of it
}

TEST(Exchange, KeepsMemoryThatIsUnderwayWhenTheStreamIsReset) {
  ServerSide server;
  ClientPeer client(1 << 24);
  const StreamId id = client.request();
  client.talk(server);
  server.session->send_headers(id, ServerSide::kHeaders, false);
  server.session->send_data(id, server.piece(std::string(100'000, 'x')));
  server.session->produce(server.out, 20'000);
  client.reset(id);
  server.session->receive(bytes_of(client.produce()));
  EXPECT_GT(server.pool->stats().used_bytes, 0U);
  server.drain_queue();
  EXPECT_EQ(server.pool->stats().used_bytes, 0U);
}

TEST(Exchange, TellsWhenABacklogHasDrained) {
  ServerSide server;
  ClientPeer client(100'000, false);
  const StreamId id = client.request();
  client.talk(server);
  server.session->send_headers(id, ServerSide::kHeaders, false);
  server.session->send_data(id, server.piece(std::string(400'000, 'x')));
  client.talk(server);
  EXPECT_EQ(server.session->backlog(id), 300'000U);
  EXPECT_EQ(server.seen[id].drained, 0);
  nghttp2_submit_window_update(client.session(), NGHTTP2_FLAG_NONE, id, 240'000);
  client.talk(server);
  EXPECT_EQ(server.session->backlog(id), 60'000U);
  EXPECT_EQ(server.seen[id].drained, 1);
}

TEST(Exchange, MoreMayBeSentFromOnDrained) {
  ServerSide server;
  ClientPeer client(1 << 24);
  int rounds = 0;
  server.at_drained = [&](StreamId id) {
    if (++rounds < 5)
      server.session->send_data(id, server.piece(std::string(300'000, 'x')));
    else
      server.session->send_trailers(id, ServerSide::kTrailers);
  };
  const StreamId id = client.request();
  client.talk(server);
  server.session->send_headers(id, ServerSide::kHeaders, false);
  server.session->send_data(id, server.piece(std::string(300'000, 'x')));
  client.talk(server);
  EXPECT_EQ(client.answers[id].body.size(), 5 * 300'000U);
  EXPECT_TRUE(client.answers[id].closed);
}

TEST(Exchange, SendsLongBodiesByTurns) {
  ServerSide server;
  ClientPeer client(1 << 24);
  const StreamId first = client.request();
  const StreamId second = client.request();
  client.talk(server);
  for (const StreamId id : {first, second}) {
    server.session->send_headers(id, ServerSide::kHeaders, false);
    server.session->send_data(id, server.piece(std::string(500'000, 'x')));
  }
  client.receive(server.produce(400'000));
  EXPECT_GT(client.answers[first].body.size(), 150'000U);
  EXPECT_GT(client.answers[second].body.size(), 150'000U);
}

TEST(Exchange, WindowsOpenOnlyForWhatIsConsumed) {
  Http2Limits limits;
  limits.initial_window_bytes = 100'000;
  limits.max_window_bytes = 100'000;
  ServerSide server(limits);
  server.at_data = nullptr;
  ClientPeer client;
  client.talk(server);  // the client knows the windows
  const StreamId id = client.request(std::string(250'000, 'x'));
  client.talk(server);
  EXPECT_EQ(server.seen[id].body.size(), 100'000U);
  server.session->consume(id, 60'000);
  client.talk(server);
  EXPECT_EQ(server.seen[id].body.size(), 160'000U);
  server.at_data = [&](StreamId stream, std::size_t size) { server.session->consume(stream, size); };
  server.session->consume(id, 100'000);
  client.talk(server);
  EXPECT_TRUE(server.seen[id].ended);
}

TEST(Exchange, GivesTheConnectionsWindowBackForWhatADeadStreamHeld) {
  Http2Limits limits;
  limits.initial_window_bytes = 100'000;
  limits.max_window_bytes = 100'000;
  ServerSide server(limits);
  server.at_data = nullptr;
  ClientPeer client;
  client.talk(server);
  for (int round = 0; round < 5; ++round) {
    const StreamId by_us = client.request(std::string(90'000, 'x'), true);
    client.talk(server);
    ASSERT_EQ(server.seen[by_us].body.size(), 90'000U) << round;
    server.session->reset(by_us, Http2Error::kCancel);
    client.talk(server);
    const StreamId by_peer = client.request(std::string(90'000, 'x'), true);
    client.talk(server);
    ASSERT_EQ(server.seen[by_peer].body.size(), 90'000U) << round;
    client.reset(by_peer);
    client.talk(server);
  }
}

TEST(Exchange, TellsOfAResetBeforeTheNextStreamIsOpen) {
  Http2Limits limits;
  limits.max_concurrent_streams = 1;
  ServerSide server(limits);
  ClientPeer client;
  client.talk(server);
  const StreamId first = client.request();
  client.talk(server);
  std::optional<Http2Error> at_second;
  server.at_request = [&](StreamId) { at_second = server.seen[first].closed; };
  client.reset(first);
  client.request();
  server.session->receive(bytes_of(client.produce()));
  EXPECT_EQ(at_second, Http2Error::kCancel);
  EXPECT_TRUE(server.seen[first].by_peer);
}

TEST(Exchange, ResetDropsWhatWasQueued) {
  ServerSide server;
  ClientPeer client;
  const StreamId id = client.request();
  client.talk(server);
  server.answer(id, "never");
  server.session->reset(id, Http2Error::kInternalError);
  EXPECT_FALSE(server.seen[id].closed);  // not from within a call of ours
  client.talk(server);
  EXPECT_EQ(client.answers[id].reset, NGHTTP2_INTERNAL_ERROR);
  EXPECT_EQ(client.answers[id].body, "");
  EXPECT_EQ(server.seen[id].closed, Http2Error::kInternalError);
  EXPECT_FALSE(server.seen[id].by_peer);
}

TEST(Exchange, CallsForAStreamThatIsGoneAreIgnored) {
  ServerSide server;
  ClientPeer client;
  const StreamId id = client.request();
  client.talk(server);
  client.reset(id);
  client.talk(server);
  server.answer(id, "late");
  server.session->consume(id, 10);
  server.session->reset(id, Http2Error::kCancel);
  server.session->end_body(id);
  EXPECT_EQ(server.session->backlog(id), 0U);
  EXPECT_FALSE(server.session->wants_to_produce());
}

TEST(Exchange, IgnoresTrailersOfARequest) {
  ServerSide server;
  RawPeer raw(server);
  raw.request(1, false);
  raw.send(frame(NGHTTP2_DATA, 0, 1, "body"));
  raw.send(frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, field("x", "y")));
  EXPECT_EQ(server.seen[1].body, "body");
  EXPECT_TRUE(server.seen[1].ended);
  EXPECT_EQ(server.seen[1].header("x"), "(none)");
}

TEST(Exchange, AFarSideThatEndsStillGetsWhatIsReady) {
  ServerSide server;
  ClientPeer client;
  const StreamId ready = client.request();
  const StreamId unanswered = client.request();
  client.talk(server);
  server.answer(ready, "back");
  server.session->receive_end();
  EXPECT_EQ(server.seen[unanswered].closed, Http2Error::kCancel);
  EXPECT_TRUE(server.seen[unanswered].by_peer);
  EXPECT_FALSE(server.session->ended());
  client.receive(server.produce());
  EXPECT_EQ(client.answers[ready].body, "back");
  EXPECT_EQ(server.seen[ready].closed, Http2Error::kNoError);
  EXPECT_TRUE(server.session->ended());
}

TEST(Exchange, StreamsAreClosedWithTheSession) {
  ServerSide server;
  ClientPeer client;
  const StreamId id = client.request("x", true);
  client.talk(server);
  server.session.reset();
  EXPECT_EQ(server.seen[id].closed, Http2Error::kCancel);
  EXPECT_TRUE(server.seen[id].by_peer);
  EXPECT_EQ(server.counters.streams_opened.value(), server.counters.streams_closed.value());
  EXPECT_EQ(server.counters.connections_closed.value(), 1U);
}

TEST(Exchange, ServesThousandsOfStreamsOneAfterAnother) {
  ServerSide server;
  ClientPeer client;
  server.at_end = [&](StreamId id) { server.answer(id, server.seen[id].body); };
  for (int round = 0; round < 50; ++round) {
    std::vector<StreamId> ids;
    for (int index = 0; index < 100; ++index) ids.push_back(client.request("body " + std::to_string(index)));
    client.talk(server);
    for (int index = 0; index < 100; ++index) {
      ASSERT_EQ(client.answers[ids[static_cast<std::size_t>(index)]].body, "body " + std::to_string(index));
    }
  }
  EXPECT_FALSE(client.goaway);
  EXPECT_EQ(server.session->streams(), 0U);
}

TEST(Exchange, TakesBytesOneByOne) {
  ServerSide server;
  ClientPeer client;
  server.at_end = [&](StreamId id) { server.answer(id, "back"); };
  const StreamId id = client.request("there");
  for (const char octet : client.produce()) server.session->receive(bytes_of({&octet, 1}));
  client.talk(server);
  EXPECT_EQ(server.seen[id].body, "there");
  EXPECT_EQ(client.answers[id].body, "back");
}

}  // namespace
}  // namespace pyserver::test
