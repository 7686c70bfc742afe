// Every flood trips, and the honest use that looks most like it does not.
#include <gtest/gtest.h>

#include "http2/client_peer.h"
#include "http2/raw_peer.h"

namespace pyserver::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint8_t kEndHeaders = NGHTTP2_FLAG_END_HEADERS;
constexpr std::uint8_t kEndStream = NGHTTP2_FLAG_END_STREAM;

class Floods : public testing::Test {
 protected:
  // Sends `bytes` up to so often, until the session ends; returns how often it did.
  int send_often(const std::string& bytes, int times) {
    for (int index = 0; index < times; ++index) {
      if (server.session->ended()) return index;
      raw.send(bytes);
    }
    return times;
  }
  void expect_calm_down() {
    EXPECT_EQ(raw.goaway(), NGHTTP2_ENHANCE_YOUR_CALM);
    EXPECT_TRUE(server.session->ended());
    EXPECT_EQ(server.counters.floods.value(), 1U);
    EXPECT_EQ(server.counters.protocol_errors.value(), 0U);
  }
  void expect_peace() {
    EXPECT_FALSE(raw.goaway());
    EXPECT_FALSE(server.session->ended());
  }

  ServerSide server;
  RawPeer raw{server};
};

TEST_F(Floods, RapidResetEndsTheConnection) {
  StreamId id = 1;
  for (; id < 2000 && !server.session->ended(); id += 2) {
    raw.send(frame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, id, request_block()) +
             frame(NGHTTP2_RST_STREAM, 0, id, big_endian(NGHTTP2_CANCEL)));
  }
  EXPECT_EQ(id, 1 + 2 * 201);
  expect_calm_down();
}

TEST_F(Floods, CancellingATenthOfAThousandStreamsASecondIsFine) {
  server.at_end = [&](StreamId id) {
    if (id % 20 != 1) server.answer(id, "back");
  };
  for (StreamId id = 1; id < 10'000; id += 2) {
    raw.request(id);
    if (id % 20 == 1) raw.send(frame(NGHTTP2_RST_STREAM, 0, id, big_endian(NGHTTP2_CANCEL)));
    server.clock.advance(1ms);
  }
  expect_peace();
}

TEST_F(Floods, BeingMadeToResetEndsTheConnection) {
  StreamId id = 1;
  for (; id < 2000 && !server.session->ended(); id += 2) {
    raw.request(id, false, field("content-length", "1"));
    raw.send(frame(NGHTTP2_DATA, 0, id, "two"));  // an error of the stream
  }
  EXPECT_LT(id, 2 * 110);
  expect_calm_down();
}

TEST_F(Floods, BeingMadeToResetByMalformedRequestsEndsTheConnection) {
  StreamId id = 1;
  for (; id < 2000 && !server.session->ended(); id += 2) raw.request(id, true, field("Upper", "case"));
  EXPECT_LT(id, 2 * 110);
  expect_calm_down();
}

TEST_F(Floods, BeingMadeToResetByWindowsThatOverflowEndsTheConnection) {
  StreamId id = 1;
  for (; id < 2000 && !server.session->ended(); id += 2) {
    raw.request(id, false);
    raw.send(frame(NGHTTP2_WINDOW_UPDATE, 0, id, big_endian(0x7fffffff)));
  }
  EXPECT_LT(id, 2 * 110);
  expect_calm_down();
}

TEST_F(Floods, ResetsOfOurOwnAreNotThePeersFault) {
  for (StreamId id = 1; id < 4000; id += 2) {
    raw.request(id);
    server.session->reset(id, Http2Error::kInternalError);
    raw.read();
  }
  expect_peace();
}

TEST_F(Floods, AnsweringBeforeTheRequestIsCompleteIsFine) {
  server.at_request = [&](StreamId id) { server.answer(id, "no"); };
  for (StreamId id = 1; id < 4000; id += 2) raw.request(id, false);
  EXPECT_EQ(raw.count(NGHTTP2_RST_STREAM), 2000U);
  expect_peace();
}

TEST_F(Floods, PingsEndTheConnection) {
  EXPECT_LT(send_often(frame(NGHTTP2_PING, 0, 0, "12345678"), 5000), 1010);
  expect_calm_down();
}

TEST_F(Floods, APingForEveryAnswerIsFine) {
  server.at_end = [&](StreamId id) { server.answer(id, "back"); };
  for (StreamId id = 1; id < 10'000; id += 2) {
    raw.request(id);
    raw.send(frame(NGHTTP2_PING, 0, 0, "12345678"));
  }
  expect_peace();
}

TEST_F(Floods, SettingsEndTheConnection) {
  EXPECT_LT(send_often(frame(NGHTTP2_SETTINGS, 0, 0), 5000), 1010);
  expect_calm_down();
}

TEST_F(Floods, PrioritiesEndTheConnection) {
  EXPECT_LT(send_often(frame(NGHTTP2_PRIORITY, 0, 7, big_endian(0) + "x"), 5000), 1010);
  expect_calm_down();
}

TEST_F(Floods, UnknownFramesEndTheConnection) {
  EXPECT_LT(send_often(frame(0xfa, 0, 0, "anything"), 5000), 1010);
  expect_calm_down();
}

TEST_F(Floods, ResetsOfStreamsThatAreGoneEndTheConnection) {
  server.at_end = [&](StreamId id) { server.answer(id, "back"); };
  raw.request(1);
  EXPECT_LT(send_often(frame(NGHTTP2_RST_STREAM, 0, 1, big_endian(NGHTTP2_CANCEL)), 5000), 1010);
  expect_calm_down();
}

TEST_F(Floods, AHundredControlFramesASecondAreFine) {
  for (int index = 0; index < 1000; ++index) {
    raw.send(frame(NGHTTP2_PING, 0, 0, "12345678") + frame(0xfa, 0, 0, "grease"));
    server.clock.advance(10ms);
  }
  expect_peace();
}

TEST_F(Floods, WindowUpdatesWithoutDataEndTheConnection) {
  raw.request(1, false);
  EXPECT_LT(send_often(frame(NGHTTP2_WINDOW_UPDATE, 0, 1, big_endian(1)), 5000), 200);
  expect_calm_down();
}

TEST_F(Floods, TwoWindowUpdatesForEveryAnswerAreFine) {
  server.at_end = [&](StreamId id) { server.answer(id, "back"); };
  for (StreamId id = 1; id < 10'000; id += 2) {
    raw.request(id);
    raw.send(frame(NGHTTP2_WINDOW_UPDATE, 0, 0, big_endian(4)) + frame(NGHTTP2_WINDOW_UPDATE, 0, id, big_endian(4)));
  }
  expect_peace();
}

TEST_F(Floods, EmptyDataEndsTheConnection) {
  raw.request(1, false);
  EXPECT_EQ(send_often(frame(NGHTTP2_DATA, 0, 1), 5000), 101);
  expect_calm_down();
}

TEST_F(Floods, DataOfPaddingOnlyEndsTheConnection) {
  raw.request(1, false);
  EXPECT_EQ(send_often(frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "\x03xyz"), 5000), 101);
  expect_calm_down();
}

TEST_F(Floods, EmptyDataThatEndsStreamsIsFine) {
  server.at_end = [&](StreamId id) { server.answer(id, "back"); };
  for (StreamId id = 1; id < 4000; id += 2) {
    raw.request(id, false);
    raw.send(frame(NGHTTP2_DATA, kEndStream, id));
  }
  expect_peace();
}

TEST_F(Floods, AMillionOneByteChunksAreFine) {
  raw.request(1, false);
  std::string chunks;
  for (int index = 0; index < 1000; ++index) chunks += frame(NGHTTP2_DATA, 0, 1, "x");
  for (int index = 0; index < 1000; ++index) raw.send(chunks);
  EXPECT_EQ(server.seen[1].body.size(), 1'000'000U);
  expect_peace();
}

TEST_F(Floods, AnswersThatThePeerDoesNotReadEndTheConnection) {
  // Slow enough for the rate, but nothing of ours is ever taken.
  int sent = 0;
  for (; sent < 5000 && server.counters.floods.value() == 0; ++sent) {
    raw.send_only(frame(NGHTTP2_PING, 0, 0, "12345678"));
    server.clock.advance(10ms);
  }
  EXPECT_GT(sent, 1000);
  EXPECT_LT(sent, 1010);
  raw.read();
  expect_calm_down();
}

TEST_F(Floods, ManyAnswersThatWaitForThePeerAreFine) {
  std::string requests;
  for (StreamId id = 1; id < 2 * 1024; id += 2) {
    requests += frame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, id, request_block());
  }
  server.at_end = [&](StreamId id) { server.answer(id, "back"); };
  raw.send_only(requests);
  raw.send_only(frame(NGHTTP2_PING, 0, 0, "12345678"));
  EXPECT_EQ(server.session->streams(), 1024U);
  raw.read();
  EXPECT_EQ(server.session->streams(), 0U);
  expect_peace();
}

TEST_F(Floods, DropTheWorkOfTheirStreamsAtOnce) {
  raw.request(1, false);
  for (int index = 0; index < 200; ++index) raw.send_only(frame(NGHTTP2_DATA, 0, 1));
  EXPECT_EQ(server.seen[1].closed, Http2Error::kEnhanceYourCalm);
}

TEST_F(Floods, WhatComesBehindThemIsDropped) {
  std::string bytes;
  for (int index = 0; index < 2000; ++index) bytes += frame(NGHTTP2_PING, 0, 0, "12345678");
  raw.send_only(bytes + frame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 1, request_block()));
  EXPECT_TRUE(server.seen.empty());
}

TEST(FloodsOfAClient, GrpcsOwnTrafficIsFine) {
  ServerSide server;
  ClientPeer client(65'535);
  server.at_end = [&](StreamId id) { server.answer(id, std::string(200'000, 'x')); };
  for (int round = 0; round < 300; ++round) {
    const StreamId id = client.request(std::string(50'000, 'y'));
    client.ping();
    client.talk(server);
    ASSERT_TRUE(client.answers[id].closed);
  }
  EXPECT_FALSE(client.goaway);
}

}  // namespace
}  // namespace pyserver::test
