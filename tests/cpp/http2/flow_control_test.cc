#include <gtest/gtest.h>

#include "http2/client_peer.h"
#include "http2/flow_controller.h"

namespace pyserver::test {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

TEST(FlowController, DoublesAWindowThatARoundTripFills) {
  FlowController flow(100'000, 1'000'000);
  EXPECT_FALSE(flow.received(12'499, kStart));
  EXPECT_TRUE(flow.received(1, kStart));
  EXPECT_FALSE(flow.received(70'000, kStart + 5ms));  // one PING at a time
  flow.acknowledged(kStart + 10ms, false);
  EXPECT_EQ(flow.window(), 200'000U);
}

TEST(FlowController, KeepsAWindowThatIsLargeEnough) {
  FlowController flow(100'000, 1'000'000);
  EXPECT_TRUE(flow.received(50'000, kStart));
  flow.received(60'000, kStart);
  flow.acknowledged(kStart + 10ms, false);
  EXPECT_EQ(flow.window(), 100'000U);
}

TEST(FlowController, GrowsToItsBoundAndThenAsksNoMore) {
  FlowController flow(100'000, 350'000);
  TimePoint now = kStart;
  for (const std::uint32_t expected : {200'000U, 350'000U}) {
    ASSERT_TRUE(flow.received(flow.window(), now));
    flow.received(flow.window(), now);
    flow.acknowledged(now += 10ms, false);
    EXPECT_EQ(flow.window(), expected);
  }
  EXPECT_FALSE(flow.received(10'000'000, now + 1h));
}

TEST(FlowController, AsksMoreAndMoreRarelyWhileNothingChanges) {
  FlowController flow(100'000, 1'000'000);
  int pings = 0;
  for (TimePoint now = kStart; now < kStart + 60s; now += 1ms) {
    if (!flow.received(1000, now)) continue;
    ++pings;
    flow.acknowledged(now, false);  // nothing came meanwhile
  }
  EXPECT_GT(pings, 5);
  EXPECT_LT(pings, 20);
}

TEST(FlowController, GoesBackWhileMemoryIsShort) {
  FlowController flow(100'000, 1'000'000);
  flow.received(100'000, kStart);
  flow.received(100'000, kStart);
  flow.acknowledged(kStart, true);
  EXPECT_EQ(flow.window(), 100'000U);
  TimePoint now = kStart + 1s;
  ASSERT_TRUE(flow.received(100'000, now));
  flow.received(100'000, now);
  flow.acknowledged(now, false);
  EXPECT_TRUE(flow.grown());
  flow.memory_is_short();
  EXPECT_EQ(flow.window(), 100'000U);
}

TEST(FlowController, IgnoresAcknowledgementsThatItDidNotAskFor) {
  FlowController flow(100'000, 1'000'000);
  flow.received(12'000, kStart);
  flow.acknowledged(kStart, false);
  EXPECT_TRUE(flow.received(500, kStart));
}

std::int32_t window_of_connection(ClientPeer& client) {
  return nghttp2_session_get_remote_window_size(client.session());
}

TEST(Windows, GrowWithTheTraffic) {
  ServerSide server;
  ClientPeer client;
  client.talk(server);
  for (int round = 0; round < 20; ++round) {
    client.request(std::string(4'000'000, 'x'));
    client.talk(server);
    server.clock.advance(100ms);
  }
  EXPECT_GT(nghttp2_session_get_remote_settings(client.session(), NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE),
            server.limits.initial_window_bytes);
  EXPECT_GT(window_of_connection(client), static_cast<std::int32_t>(server.limits.initial_window_bytes));
  EXPECT_FALSE(client.goaway);
}

TEST(Windows, CostNoPingsWithoutTraffic) {
  ServerSide server;
  ClientPeer client;
  server.at_end = [&](StreamId id) { server.answer(id, "back"); };
  for (int round = 0; round < 100; ++round) {
    client.request("small");
    client.talk(server);
    server.clock.advance(100ms);
  }
  EXPECT_EQ(client.pings_received, 0);
}

TEST(Windows, GoBackWhileMemoryIsShort) {
  ServerSide server({}, {.max_bytes = 1 << 20});
  ClientPeer client;
  client.talk(server);
  const auto upload = [&] {
    client.request(std::string(4'000'000, 'x'));
    client.talk(server);
    server.clock.advance(1s);
  };
  upload();
  const auto told = [&] {
    return nghttp2_session_get_remote_settings(client.session(), NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
  };
  ASSERT_GT(told(), server.limits.initial_window_bytes);
  const Buffer much = std::move(*server.pool->take(1 << 20));
  upload();
  EXPECT_EQ(told(), server.limits.initial_window_bytes);
  upload();
  EXPECT_EQ(told(), server.limits.initial_window_bytes);
  EXPECT_LE(window_of_connection(client), static_cast<std::int32_t>(server.limits.initial_window_bytes));
  EXPECT_TRUE(server.seen.rbegin()->second.ended);
}

}  // namespace
}  // namespace pyserver::test
