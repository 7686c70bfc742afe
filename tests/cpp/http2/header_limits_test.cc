#include <gtest/gtest.h>

#include "http2/client_peer.h"
#include "http2/raw_peer.h"

namespace pyserver::test {
namespace {

ClientPeer::Fields with_fields(int count, const std::string& value) {
  auto fields = ClientPeer::request_fields();
  for (int index = 0; index < count; ++index) fields.emplace_back("x-" + std::to_string(index), value);
  return fields;
}

TEST(HeaderLimits, AnswersTooManyBytesBy431) {
  ServerSide server;
  ClientPeer client;
  const StreamId id = client.request("body", false, with_fields(20, std::string(1000, 'v')));
  const StreamId neighbour = client.request();
  client.talk(server);
  EXPECT_EQ(client.answers[id].headers[":status"], "431");
  EXPECT_TRUE(client.answers[id].closed);
  EXPECT_FALSE(server.seen.contains(id));
  EXPECT_TRUE(server.seen[neighbour].ended);
  EXPECT_EQ(server.counters.headers_too_large.value(), 1U);
  EXPECT_FALSE(client.goaway);
}

TEST(HeaderLimits, AnswersTooManyFieldsBy431) {
  ServerSide server;
  ClientPeer client;
  const StreamId fits = client.request({}, false, with_fields(122, "v"));  // and six of every request
  const StreamId id = client.request({}, false, with_fields(123, "v"));
  client.talk(server);
  EXPECT_EQ(client.answers[id].headers[":status"], "431");
  EXPECT_TRUE(server.seen[fits].ended);
}

TEST(HeaderLimits, DecodingGoesOnBehindTheLimit) {
  // The fields that are dropped are in the peer's HPACK table all the same.
  ServerSide server;
  ClientPeer client;
  client.request({}, false, with_fields(130, "v"));
  client.talk(server);
  const StreamId id = client.request({}, false, with_fields(10, "v"));
  client.talk(server);
  EXPECT_EQ(server.seen[id].header("x-9"), "v");
  EXPECT_FALSE(client.goaway);
}

TEST(HeaderLimits, ResetsAnOpenRequestBehindIts431) {
  ServerSide server;
  ClientPeer client;
  const StreamId id = client.request("body", true, with_fields(130, "v"));
  client.talk(server);
  EXPECT_EQ(client.answers[id].headers[":status"], "431");
  EXPECT_EQ(client.answers[id].reset, NGHTTP2_NO_ERROR);
  EXPECT_EQ(server.session->streams(), 0U);
}

TEST(HeaderLimits, AbsurdBlocksEndTheConnection) {
  ServerSide server;
  RawPeer raw(server);
  std::string fields;
  for (int index = 0; index < 600; ++index) fields += field("a", "");
  raw.request(1, true, fields);
  EXPECT_EQ(raw.goaway(), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_EQ(server.counters.floods.value(), 1U);
  EXPECT_TRUE(server.session->ended());
}

TEST(HeaderLimits, CountTrailersToo) {
  ServerSide server;
  RawPeer raw(server);
  raw.request(1, false);
  std::string fields;
  for (int index = 0; index < 600; ++index) fields += field("a", "");
  raw.send(frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, fields));
  EXPECT_EQ(raw.goaway(), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_EQ(server.seen[1].closed, Http2Error::kEnhanceYourCalm);
}

TEST(HeaderLimits, EndlessContinuationsEndTheConnection) {
  ServerSide server;
  RawPeer raw(server);
  raw.send(frame(NGHTTP2_HEADERS, 0, 1, request_block()));
  for (int index = 0; index < 100 && !server.session->ended(); ++index) raw.send(frame(NGHTTP2_CONTINUATION, 0, 1, ""));
  EXPECT_EQ(raw.goaway(), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_EQ(server.counters.floods.value(), 1U);
}

}  // namespace
}  // namespace pyserver::test
