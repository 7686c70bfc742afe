// The client's session, against our own server's session in memory.
#include "http2/client_session.h"

#include <gtest/gtest.h>

#include "http2/server_side.h"

namespace pyserver::test {
namespace {

class Asker final : public ClientExchange {
 public:
  explicit Asker(std::string its_body = {}) : body(std::move(its_body)) {}

  Ready ready_body() override { return {body.size() - sent, !open}; }
  void take_body(OutputQueue& out, std::size_t size) override {
    out.append(bytes_of(body).subspan(sent, size));
    sent += size;
  }
  void on_field(std::string_view name, std::string_view value) override { fields[std::string(name)] = value; }
  void on_data(std::span<const std::byte> bytes) override {
    received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void on_closed(Http2Error error) override { closed = error; }

  std::string body;
  bool open = false;  // more of the body may come
  std::size_t sent = 0;
  std::map<std::string, std::string> fields;
  std::string received;
  std::optional<Http2Error> closed;
};

class ClientSessionTest : public ::testing::Test {
 protected:
  // Bytes to the server and back until both are silent.
  void talk() {
    while (client.wants_to_produce() || server.session->wants_to_produce()) {
      OutputQueue out;
      client.produce(out, std::size_t{1} << 30);
      while (!out.empty()) {
        std::array<iovec, 1> piece;
        out.front(piece);
        server.session->receive({static_cast<const std::byte*>(piece[0].iov_base), piece[0].iov_len});
        out.drop(piece[0].iov_len);
      }
      ASSERT_TRUE(client.receive(bytes_of(server.produce())).ok());
    }
  }
  StreamId open(Asker& asker) {
    const Result<StreamId> stream = client.open(head, asker);
    EXPECT_TRUE(stream.ok());
    return *stream;
  }

  static constexpr std::array<HeaderField, 6> kFields{{{":method", "POST"},
                                                       {":scheme", "http"},
                                                       {":path", "/service/Method"},
                                                       {":authority", "localhost"},
                                                       {"content-type", "application/grpc"},
                                                       {"te", "trailers"}}};
  const Http2RequestHead head{kFields};
  ServerSide server;
  Http2ClientSession client;
};

TEST_F(ClientSessionTest, AsksAndIsAnswered) {
  server.at_end = [this](StreamId stream) { server.answer(stream, "answer"); };
  Asker asker("question");
  const StreamId stream = open(asker);
  talk();
  EXPECT_EQ(server.seen[stream].body, "question");
  EXPECT_EQ(server.seen[stream].header(":path"), "/service/Method");
  EXPECT_EQ(server.seen[stream].header("te"), "trailers");
  EXPECT_EQ(asker.received, "answer");
  EXPECT_EQ(asker.fields[":status"], "200");
  EXPECT_EQ(asker.fields["grpc-status"], "0");
  EXPECT_EQ(asker.closed, Http2Error::kNoError);
}

TEST_F(ClientSessionTest, IsSettledWhenTheServersSettingsHaveCome) {
  EXPECT_FALSE(client.settled());
  talk();
  EXPECT_TRUE(client.settled());
  EXPECT_EQ(client.max_streams(), server.limits.max_concurrent_streams);
}

TEST_F(ClientSessionTest, CarriesManyRequestsAndLargeBodiesAtOnce) {
  server.at_end = [this](StreamId stream) { server.answer(stream, server.seen[stream].body); };
  std::vector<std::unique_ptr<Asker>> askers;
  for (int number = 0; number < 50; ++number) {
    askers.push_back(std::make_unique<Asker>(std::string(static_cast<std::size_t>(number) * 20'000, 'a')));
    open(*askers.back());
  }
  talk();
  for (const auto& asker : askers) {
    EXPECT_EQ(asker->received, asker->body);
    EXPECT_EQ(asker->closed, Http2Error::kNoError);
  }
}

TEST_F(ClientSessionTest, GoesOnWithABodyThatHadNothingReady) {
  Asker asker("one");
  asker.open = true;
  const StreamId stream = open(asker);
  talk();
  EXPECT_EQ(server.seen[stream].body, "one");
  EXPECT_FALSE(server.seen[stream].ended);
  asker.body += ", two";
  asker.open = false;
  client.resume(stream);
  talk();
  EXPECT_EQ(server.seen[stream].body, "one, two");
  EXPECT_TRUE(server.seen[stream].ended);
}

TEST_F(ClientSessionTest, TakesAStreamBack) {
  Asker asker("question");
  const StreamId stream = open(asker);
  talk();
  client.reset(stream, Http2Error::kCancel);
  EXPECT_EQ(asker.closed, std::nullopt);
  talk();
  EXPECT_EQ(asker.closed, Http2Error::kCancel);
  EXPECT_EQ(server.seen[stream].closed, Http2Error::kCancel);
}

TEST_F(ClientSessionTest, TakesAStreamBackThatIsNotSentYet) {
  talk();
  Asker asker("question");
  const StreamId stream = open(asker);
  client.reset(stream, Http2Error::kCancel);
  talk();
  EXPECT_TRUE(asker.closed.has_value());
  EXPECT_FALSE(server.seen.contains(stream));
}

TEST_F(ClientSessionTest, LearnsThatTheServerResetsAStream) {
  server.at_end = [this](StreamId stream) { server.session->reset(stream, Http2Error::kEnhanceYourCalm); };
  Asker asker("question");
  open(asker);
  talk();
  EXPECT_EQ(asker.closed, Http2Error::kEnhanceYourCalm);
}

TEST_F(ClientSessionTest, OpensNothingAfterTheServersGoodBye) {
  talk();
  EXPECT_FALSE(client.going_away());
  server.session->drain();
  talk();
  EXPECT_TRUE(client.going_away());
  Asker asker;
  EXPECT_FALSE(client.open(head, asker).ok());
}

TEST_F(ClientSessionTest, EndsWithAPeerThatDoesNotSpeakHttp2) {
  const Status status = client.receive(bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n"));
  OutputQueue out;
  client.produce(out, 1000);
  EXPECT_TRUE(!status.ok() || client.ended());
  EXPECT_TRUE(client.going_away());
}

}  // namespace
}  // namespace pyserver::test
