// Calls of every kind of good and bad behaviour, by chance: what holds for each of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "grpc/grpc_connection.h"
#include "grpc/wire.h"

namespace pyserver {
namespace {

class RandomCallsTest : public testing::TestWithParam<unsigned> {
 protected:
  std::size_t below(std::size_t end) { return random_() % end; }

  std::string random_body() {
    std::string body;
    for (std::size_t count = below(5); count > 0; --count) {
      const std::string message(below(8) == 0 ? below(400'000) : below(300), 'x');
      const int flag = below(4) == 0 ? static_cast<int>(below(3)) : 0;
      if (flag == 1 && below(2) == 0) {
        body += framed(text_of(*compress(Compression::kGzip, bytes_of(message), *connection_.pool)), 1);
      } else {
        body += framed(message, flag);
      }
    }
    switch (below(6)) {
      case 0: return body.substr(0, below(body.size() + 1));
      case 1: return body + framed_prefix(0, below(std::size_t{1} << 32));
      default: return body;
    }
  }
  GrpcConnection::Fields random_fields() {
    GrpcConnection::Fields more;
    if (below(2) == 0) more.emplace_back("grpc-encoding", below(5) == 0 ? "br" : "gzip");
    if (below(2) == 0) more.emplace_back("grpc-accept-encoding", "gzip");
    if (below(6) == 0) more.emplace_back("grpc-timeout", below(2) == 0 ? "nonsense" : "0n");
    if (below(6) == 0) more.emplace_back("key-bin", below(2) == 0 ? "!" : "AAAA");
    return GrpcConnection::call_fields(below(8) == 0 ? "/test.Service/Unknown" : TestRouter::kKnown, more);
  }
  void act(ServerCall& call) {
    switch (below(8)) {
      case 0: call.send_initial_metadata({{"key", "value"}}); break;
      case 1: call.set_compression(Compression::kGzip); break;
      case 2:
      case 3: {
        Result<Buffer> buffer = connection_.pool->take(1 + below(100'000));
        std::ranges::fill(buffer->bytes(), std::byte{'y'});
        static_cast<void>(call.send_message(*std::move(buffer)));
        break;
      }
      case 4: call.finish(below(2) == 0 ? Status() : unavailable("by chance")); break;
      default: call.taken(below(500'000)); break;
    }
  }

  std::mt19937 random_{GetParam()};
  GrpcConnection connection_{{.max_receive_message_bytes = 300'000}};
};

TEST_P(RandomCallsTest, EveryCallEndsOnceAndGivesEverythingBack) {
  ReceiverLog& log = connection_.router.log;
  log.on_message = [&](ReceivedMessage&) { act(*log.call); };
  log.on_half_close = [&] { act(*log.call); };
  int routed = 0;
  connection_.router.on_route = [&](ServerCall& call) {
    ++routed;
    if (below(8) == 0) act(call);
  };
  constexpr int kCalls = 100;
  for (int i = 0; i < kCalls; ++i) {
    log.events.clear();
    const int routed_before = routed;
    const StreamId id = connection_.open(random_fields());
    connection_.exchange();
    const std::string body = random_body();
    for (std::size_t at = 0; at < body.size();) {
      const std::size_t size = 1 + below(below(2) == 0 ? 10 : 100'000);
      connection_.send(id, std::string_view(body).substr(at, size));
      connection_.exchange();
      at += size;
      if (log.call != nullptr && below(2) == 0) act(*log.call);
    }
    below(5) == 0 ? connection_.cancel(id) : connection_.send(id, "", true);
    connection_.exchange();
    while (log.call != nullptr) {
      act(*log.call);
      connection_.exchange();
    }
    EXPECT_TRUE(connection_.stream(id).closed);
    const auto ends = std::ranges::count_if(
        log.events, [](const std::string& event) { return event == "cancelled" || event == "finished"; });
    EXPECT_EQ(ends, routed - routed_before) << "a receiver hears once that its call is over";
    EXPECT_EQ(connection_.pool->stats().used_bytes, 0U);
  }
  const GrpcCounters& counters = connection_.counters;
  EXPECT_EQ(counters.calls_started.value(), static_cast<unsigned>(kCalls));
  EXPECT_EQ(counters.calls_finished.value() + counters.calls_cancelled.value(), static_cast<unsigned>(kCalls));
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomCallsTest, testing::Range(0U, 20U));

}  // namespace
}  // namespace pyserver
