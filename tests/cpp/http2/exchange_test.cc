#include <gtest/gtest.h>

#include "http2/client_peer.h"

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

}  // namespace
}  // namespace pyserver::test
