#include <gtest/gtest.h>

#include "http2/client_peer.h"
#include "http2/raw_peer.h"

namespace pyserver::test {
namespace {

using namespace std::chrono_literals;

TEST(Drain, LetsStreamsFinishAndThenEnds) {
  ServerSide server;
  ClientPeer client;
  const StreamId id = client.request("half", true);
  client.talk(server);
  server.session->drain();
  client.talk(server);
  EXPECT_EQ(client.goaway, NGHTTP2_NO_ERROR);
  EXPECT_EQ(client.goaway_last_streams, (std::vector<StreamId>{0x7fffffff, id}));
  EXPECT_FALSE(server.session->ended());
  client.send(id, " whole", true);
  client.talk(server);
  EXPECT_EQ(server.seen[id].body, "half whole");
  server.answer(id, "back");
  client.talk(server);
  EXPECT_EQ(client.answers[id].body, "back");
  EXPECT_TRUE(server.session->ended());
}

TEST(Drain, TakesStreamsThatWereUnderway) {
  ServerSide server;
  RawPeer raw(server);
  raw.request(1);
  server.session->drain();
  raw.read();
  raw.request(3);  // crossed the first GOAWAY
  EXPECT_TRUE(server.seen.contains(3));
  for (const RawFrame& one : std::vector(raw.frames)) {
    if (one.type == NGHTTP2_PING) raw.send(frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, one.content));
  }
  raw.request(5);  // behind the second
  EXPECT_FALSE(server.seen.contains(5));
  EXPECT_EQ(server.counters.streams_refused.value(), 1U);
  server.answer(1, "back");
  server.answer(3, "back");
  raw.read();
  EXPECT_TRUE(server.session->ended());
}

TEST(Drain, DoesNotWaitForeverForTheRoundTrip) {
  ServerSide server;
  RawPeer raw(server);
  raw.request(1);
  server.session->drain();
  raw.read();
  EXPECT_EQ(raw.count(NGHTTP2_GOAWAY), 1U);
  EXPECT_EQ(server.session->next_deadline(), server.clock.now() + 1s);
  server.pass(1s);
  raw.read();
  EXPECT_EQ(raw.count(NGHTTP2_GOAWAY), 2U);
  EXPECT_FALSE(server.session->ended());
  server.answer(1, "back");
  raw.read();
  EXPECT_TRUE(server.session->ended());
}

TEST(Drain, OfAnIdleConnectionEndsItAfterARoundTrip) {
  ServerSide server;
  RawPeer raw(server);
  server.session->drain();
  server.session->drain();  // twice is once
  raw.read();
  ASSERT_EQ(raw.frames.size(), 2U);
  EXPECT_EQ(raw.frames[0].type, NGHTTP2_GOAWAY);
  EXPECT_EQ(raw.frames[1].type, NGHTTP2_PING);  // behind it
  EXPECT_FALSE(server.session->ended());
  raw.send(frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, raw.frames[1].content));
  EXPECT_EQ(raw.count(NGHTTP2_GOAWAY), 2U);
  EXPECT_TRUE(server.session->ended());
}

TEST(Close, EndsAtOnce) {
  ServerSide server;
  ClientPeer client;
  const StreamId id = client.request("half", true);
  client.talk(server);
  server.session->close(Http2Error::kInternalError);
  EXPECT_FALSE(server.session->ended());
  EXPECT_FALSE(server.seen[id].closed);
  client.receive(server.produce());
  EXPECT_TRUE(server.session->ended());
  EXPECT_EQ(server.seen[id].closed, Http2Error::kCancel);
  EXPECT_EQ(client.goaway, NGHTTP2_INTERNAL_ERROR);
  EXPECT_EQ(server.counters.protocol_errors.value(), 0U);
}

TEST(Close, MayBeCalledFromACallback) {
  ServerSide server;
  ClientPeer client;
  server.at_data = [&](StreamId, std::size_t) { server.session->close(Http2Error::kNoError); };
  const StreamId id = client.request("body");
  client.talk(server);
  EXPECT_TRUE(server.session->ended());
  EXPECT_FALSE(server.seen[id].ended);
  EXPECT_TRUE(server.seen[id].closed);
}

TEST(PeersGoaway, LetsStreamsFinishAndThenEnds) {
  ServerSide server;
  ClientPeer client;
  const StreamId id = client.request();
  client.talk(server);
  client.go_away();
  client.talk(server);
  EXPECT_FALSE(server.session->ended());
  server.answer(id, "back");
  client.talk(server);
  EXPECT_EQ(client.answers[id].body, "back");
  EXPECT_TRUE(server.session->ended());
}

}  // namespace
}  // namespace pyserver::test
