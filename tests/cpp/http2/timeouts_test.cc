#include <gtest/gtest.h>

#include "http2/client_peer.h"
#include "http2/raw_peer.h"

namespace pyserver::test {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPreface(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);

Duration left(const ServerSide& server) { return server.session->next_deadline() - server.clock.now(); }

TEST(Timeouts, APrefaceThatDoesNotComeEndsTheConnection) {
  ServerSide server;
  RawPeer raw(server, false);
  raw.send(kPreface);
  EXPECT_EQ(left(server), 10s);
  server.pass(10s);
  raw.read();
  EXPECT_TRUE(raw.goaway());
  EXPECT_TRUE(server.session->ended());
  EXPECT_EQ(server.session->next_deadline(), kNever);
  EXPECT_EQ(server.counters.preface_timeouts.value(), 1U);
}

TEST(Timeouts, APrefaceThatComesInTimeIsFine) {
  ServerSide server;
  server.pass(9s);
  RawPeer raw(server);
  server.pass(60s);
  raw.read();
  EXPECT_FALSE(server.session->ended());
}

TEST(Timeouts, AHeaderBlockThatDoesNotEndEndsTheConnection) {
  ServerSide server;
  RawPeer raw(server);
  raw.send(frame(NGHTTP2_HEADERS, 0, 1, request_block()));
  server.pass(6s);
  raw.send(frame(NGHTTP2_CONTINUATION, 0, 1, ""));  // does not buy time
  EXPECT_EQ(left(server), 4s);
  server.pass(4s);
  raw.read();
  EXPECT_TRUE(raw.goaway());
  EXPECT_TRUE(server.session->ended());
  EXPECT_EQ(server.counters.headers_timeouts.value(), 1U);
}

TEST(Timeouts, AHeaderBlockThatEndsInTimeIsFine) {
  ServerSide server;
  RawPeer raw(server);
  const std::string request =
      frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, request_block());
  raw.send(request.substr(0, 20));
  server.pass(9s);
  raw.send(request.substr(20));
  server.pass(60s);
  EXPECT_TRUE(server.seen[1].ended);
  EXPECT_FALSE(server.session->ended());
}

TEST(Timeouts, ABodyThatDoesNotGoOnEndsItsStream) {
  ServerSide server;
  RawPeer raw(server);
  raw.request(1, false);
  raw.request(3, false);
  server.pass(40s);
  raw.send(frame(NGHTTP2_DATA, 0, 3, "goes on"));
  EXPECT_EQ(left(server), 20s);
  server.pass(20s);
  EXPECT_EQ(server.seen[1].closed, Http2Error::kCancel);
  EXPECT_FALSE(server.seen[3].closed);
  raw.read();
  EXPECT_EQ(raw.reset(1), NGHTTP2_CANCEL);
  EXPECT_FALSE(raw.reset(3));
  EXPECT_EQ(server.counters.body_timeouts.value(), 1U);
  EXPECT_FALSE(raw.goaway());
}

TEST(Timeouts, ARequestThatIsCompleteMayTakeItsTime) {
  ServerSide server;
  RawPeer raw(server);
  raw.request(1);
  server.pass(1h);
  EXPECT_FALSE(server.seen[1].closed);
}

TEST(Timeouts, APeerWhoIsHeldBackIsNotToBlame) {
  ServerSide server;
  server.at_data = nullptr;  // takes nothing
  RawPeer raw(server);
  raw.request(1, false);
  raw.send(frame(NGHTTP2_DATA, 0, 1, "some"));
  server.pass(61s);
  EXPECT_FALSE(server.seen[1].closed);
  server.session->consume(1, 4);
  server.pass(60s);
  EXPECT_EQ(server.seen[1].closed, Http2Error::kCancel);
}

TEST(Timeouts, AConversationMayPause) {
  ServerSide server;
  RawPeer raw(server);
  raw.request(1, false);
  raw.send(frame(NGHTTP2_DATA, 0, 1, "question"));
  server.session->send_headers(1, ServerSide::kHeaders, false);
  server.session->send_data(1, server.piece("answer"));
  raw.read();
  server.pass(1h);
  EXPECT_FALSE(server.seen[1].closed);
}

TEST(Timeouts, APeerWhoTakesNothingOfABodyLosesItsStream) {
  ServerSide server;
  ClientPeer client(1000, false);
  const StreamId stuck = client.request();
  const StreamId moving = client.request();
  client.talk(server);
  for (const StreamId id : {stuck, moving}) {
    server.session->send_headers(id, ServerSide::kHeaders, false);
    server.session->send_data(id, server.piece(std::string(5000, 'x')));
  }
  client.talk(server);
  server.pass(30s);
  nghttp2_submit_window_update(client.session(), NGHTTP2_FLAG_NONE, moving, 1000);
  client.talk(server);
  server.pass(30s);
  EXPECT_EQ(server.seen[stuck].closed, Http2Error::kCancel);
  EXPECT_FALSE(server.seen[moving].closed);
  EXPECT_EQ(server.counters.write_timeouts.value(), 1U);
  client.talk(server);
  EXPECT_EQ(client.answers[stuck].reset, NGHTTP2_CANCEL);
}

TEST(Timeouts, ASocketThatTakesNothingEndsTheConnectionAtOnce) {
  ServerSide server;
  RawPeer raw(server);
  raw.request(1);
  server.session->wrote(0, true, server.clock.now());
  server.pass(50s);
  server.session->wrote(100, true, server.clock.now());  // some progress
  server.pass(50s);
  EXPECT_FALSE(server.session->ended());
  EXPECT_EQ(left(server), 10s);
  server.session->wrote(0, true, server.clock.now());  // none
  server.pass(10s);
  EXPECT_TRUE(server.session->ended());
  EXPECT_EQ(server.seen[1].closed, Http2Error::kCancel);
  EXPECT_EQ(server.counters.write_timeouts.value(), 1U);
  EXPECT_FALSE(server.session->wants_to_produce());
}

TEST(Timeouts, ASocketThatTakesAllIsFine) {
  ServerSide server;
  RawPeer raw(server);
  server.session->wrote(10, true, server.clock.now());
  server.session->wrote(10, false, server.clock.now());
  server.pass(1h);
  EXPECT_FALSE(server.session->ended());
}

TEST(Timeouts, AnIdleConnectionEnds) {
  Http2Limits limits;
  limits.idle_timeout = 5min;
  ServerSide server(limits);
  RawPeer raw(server);
  raw.request(1);
  server.pass(1h);
  EXPECT_FALSE(server.session->ended());  // has a stream
  server.answer(1, "back");
  raw.read();
  server.pass(4min);
  EXPECT_FALSE(raw.goaway());
  EXPECT_EQ(left(server), 1min);
  server.pass(1min);
  raw.read();
  EXPECT_EQ(raw.goaway(), NGHTTP2_NO_ERROR);
  EXPECT_TRUE(server.session->ended());
  EXPECT_EQ(server.counters.idle_timeouts.value(), 1U);
}

TEST(Timeouts, ASilentPeerIsAskedAndStays) {
  ServerSide server;
  ClientPeer client;
  client.talk(server);
  server.pass(2h);
  client.talk(server);
  EXPECT_EQ(client.pings_received, 1);
  server.pass(20s);
  EXPECT_FALSE(server.session->ended());
  EXPECT_GT(left(server), 1h);
}

TEST(Timeouts, ASilentPeerWhoDoesNotAnswerLosesTheConnection) {
  ServerSide server;
  RawPeer raw(server);
  server.pass(2h);
  raw.read();
  EXPECT_EQ(raw.count(NGHTTP2_PING), 1U);
  EXPECT_EQ(left(server), 20s);
  server.pass(20s);
  raw.read();
  EXPECT_TRUE(raw.goaway());
  EXPECT_TRUE(server.session->ended());
  EXPECT_EQ(server.counters.keepalive_timeouts.value(), 1U);
}

TEST(Timeouts, AnOldConnectionIsDrained) {
  Http2Limits limits;
  limits.max_connection_age = 1h;
  limits.max_connection_age_grace = 10min;
  ServerSide server(limits);
  ClientPeer client;
  const StreamId id = client.request();
  client.talk(server);
  const Duration age = left(server);
  EXPECT_GE(age, 54min);
  EXPECT_LE(age, 66min);
  server.pass(age);
  EXPECT_EQ(server.counters.aged_connections.value(), 1U);
  client.talk(server);
  EXPECT_EQ(client.goaway, NGHTTP2_NO_ERROR);
  EXPECT_FALSE(server.session->ended());
  EXPECT_EQ(left(server), 10min);
  server.pass(10min);
  client.talk(server);
  EXPECT_TRUE(server.session->ended());
  EXPECT_EQ(server.seen[id].closed, Http2Error::kCancel);
}

TEST(Timeouts, AgesDiffer) {
  Http2Limits limits;
  limits.max_connection_age = 1h;
  limits.preface_timeout = 0ms;
  const ServerSide first(limits), second(limits), third(limits);
  EXPECT_FALSE(left(first) == left(second) && left(second) == left(third));
}

TEST(Timeouts, ZeroSwitchesThemOff) {
  Http2Limits limits;
  limits.preface_timeout = limits.headers_timeout = limits.body_timeout = limits.write_timeout = 0ms;
  limits.keepalive_interval = 0ms;
  ServerSide server(limits);
  EXPECT_EQ(server.session->next_deadline(), kNever);
  RawPeer raw(server);
  raw.request(1, false);
  raw.send(frame(NGHTTP2_HEADERS, 0, 3, request_block()));
  server.session->wrote(0, true, server.clock.now());
  EXPECT_EQ(server.session->next_deadline(), kNever);
  server.pass(24h);
  EXPECT_FALSE(server.session->ended());
  EXPECT_FALSE(server.seen[1].closed);
}

}  // namespace
}  // namespace pyserver::test
