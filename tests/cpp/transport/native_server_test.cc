// The promises of NativeServer, asked over real sockets.
#include "transport/native_server.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <thread>

#include "base/text.h"
#include "server/gated_engine.h"
#include "server/predict_message.h"
#include "transport/socket_client.h"

namespace pyserver::test {
namespace {

using namespace std::chrono_literals;

constexpr char kPredict[] = "/pyserver.v1.PredictService/Predict";
constexpr char kPredictStream[] = "/pyserver.v1.PredictService/PredictStream";
constexpr char kServerReady[] = "/inference.GRPCInferenceService/ServerReady";
constexpr char kModelReady[] = "/inference.GRPCInferenceService/ModelReady";
constexpr char kPython[] = "/python.Service/Method";

std::string stream_message(std::string_view request) {
  std::string message;
  append_field(message, 1, request);
  return message;
}

std::string raw_of(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

class NativeServerTest : public testing::Test {
 protected:
  ~NativeServerTest() override {
    gate.open();
    server.reset();
    for (const auto& runtime : runtimes) runtime->stop(10s);
  }

  void start(NativeServerOptions options = {}, const std::string& at = "127.0.0.1:0") {
    auto runtime = std::make_shared<ModelRuntime>("double", 1, std::make_unique<GatedEngine>(gate), BatchSettings{},
                                                  pool, clock);
    ASSERT_TRUE(runtime->start().ok());
    runtimes.push_back(runtime);
    models.publish("double", {{1, {runtime, ""}}}, 1);
    server = std::make_unique<NativeServer>(service, models, state, pool, clock, options);
    server->add_infer_method(kPredict, Protocol::kPredict);
    server->add_infer_method(kPredictStream, Protocol::kPredictStream);
    server->add_state_method(kServerReady, StateQuestion::kServerReady);
    server->add_state_method(kModelReady, StateQuestion::kModelReady);
    server->add_handed_path(kPython);
    const Result<std::uint16_t> port = server->add_port(at, nullptr);
    ASSERT_TRUE(port.ok()) << port.status().message();
    address = at.starts_with("unix:") ? at : concat("127.0.0.1:", *port);
    ASSERT_TRUE(server->start().ok());
  }

  HandedEvent next_event() {
    while (events.empty()) {
      pollfd readable{server->handed_calls().fd(), POLLIN, 0};
      EXPECT_EQ(::poll(&readable, 1, 10'000), 1) << "no event came";
      for (HandedEvent& event : server->handed_calls().take()) events.push_back(std::move(event));
    }
    HandedEvent event = std::move(events.front());
    events.pop_front();
    return event;
  }
  Buffer buffer_of(std::string_view text) {
    Result<Buffer> buffer = pool->take(text.size());
    std::memcpy(buffer->data(), text.data(), text.size());
    return *std::move(buffer);
  }

  Gate gate;
  SteadyClock clock;
  HostAllocator allocator;
  std::shared_ptr<BufferPool> pool = BufferPool::create(allocator);
  ModelTable models;
  ServerState state;
  InferService service{models, *pool, clock};
  std::vector<std::shared_ptr<ModelRuntime>> runtimes;
  std::unique_ptr<NativeServer> server;
  std::string address;
  std::deque<HandedEvent> events;
};

TEST_F(NativeServerTest, AnswersAPredictCallOverTcp) {
  start();
  SocketClient client(address);
  const SeenAnswer& answer = client.answer(client.call(kPredict, predict_message("double", "x", 1, {1, 2})));
  EXPECT_EQ(grpc_status(answer), 0);
  EXPECT_NE(answer.body.find(raw_of({2, 4})), std::string::npos);
}

TEST_F(NativeServerTest, AnswersAPredictCallOverAUnixSocket) {
  char folder[] = "/tmp/native_server_test.XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  start({}, concat("unix:", folder, "/socket"));
  {
    SocketClient client(address);
    EXPECT_EQ(grpc_status(client.answer(client.call(kPredict, predict_message("double", "x", 1, {1, 2})))), 0);
  }
  server.reset();
  EXPECT_EQ(::rmdir(folder), 0) << "the socket's file must be gone";
}

TEST_F(NativeServerTest, AFailedCallCarriesItsStatusAndItsSentence) {
  start();
  SocketClient client(address);
  const SeenAnswer& answer = client.answer(client.call(kPredict, predict_message("nobody", "x", 1, {1, 2})));
  EXPECT_EQ(grpc_status(answer), static_cast<int>(StatusCode::kNotFound));
  EXPECT_NE(answer.headers.at("grpc-message").find("nobody"), std::string::npos);
}

TEST_F(NativeServerTest, AnswersEveryRequestOfAStreamAndThenEndsIt) {
  start();
  SocketClient client(address);
  const auto message = [](float value) { return stream_message(predict_message("double", "x", 1, {value, value})); };
  const StreamId stream = client.call(kPredictStream, message(1), /*open=*/true);
  client.peer.send(stream, framed(message(2)));
  client.peer.send(stream, framed(message(3)), /*end=*/true);
  const SeenAnswer& answer = client.answer(stream);
  EXPECT_EQ(grpc_status(answer), 0);
  for (const float value : {2.0F, 4.0F, 6.0F}) {
    EXPECT_NE(answer.body.find(raw_of({value, value})), std::string::npos) << value;
  }
}

TEST_F(NativeServerTest, AFailedRequestOfAStreamDoesNotEndIt) {
  start();
  SocketClient client(address);
  const StreamId stream =
      client.call(kPredictStream, stream_message(predict_message("nobody", "x", 1, {1, 2})), /*open=*/true);
  client.peer.send(stream, framed(stream_message(predict_message("double", "x", 1, {1, 2}))), /*end=*/true);
  const SeenAnswer& answer = client.answer(stream);
  EXPECT_EQ(grpc_status(answer), 0);
  EXPECT_NE(answer.body.find("nobody"), std::string::npos);
  EXPECT_NE(answer.body.find(raw_of({2, 4})), std::string::npos);
}

TEST_F(NativeServerTest, AUnaryCallWithoutAMessageIsRefused) {
  start();
  SocketClient client(address);
  const StreamId stream = client.peer.request("", false, ClientPeer::request_fields(kPredict));
  EXPECT_EQ(grpc_status(client.answer(stream)), static_cast<int>(StatusCode::kUnimplemented));
}

TEST_F(NativeServerTest, TellsWhetherServerAndModelAreReady) {
  start();
  SocketClient client(address);
  EXPECT_EQ(client.answer(client.call(kServerReady, "")).body, framed(""));
  state.set_ready(true);
  EXPECT_EQ(client.answer(client.call(kServerReady, "")).body, framed("\x08\x01"));
  std::string request;
  append_field(request, 1, "double");
  EXPECT_EQ(client.answer(client.call(kModelReady, request)).body, framed("\x08\x01"));
  append_field(request, 2, "2");
  EXPECT_EQ(client.answer(client.call(kModelReady, request)).body, framed(""));
}

TEST_F(NativeServerTest, ManyConnectionsOnSeveralLoopsGetTheirOwnAnswers) {
  NativeServerOptions options;
  options.io_threads = 3;
  start(options);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> clients;
  for (int number = 0; number < 6; ++number) {
    clients.emplace_back([&, number] {
      SocketClient client(address);
      for (int round = 0; round < 20; ++round) {
        std::vector<std::pair<StreamId, float>> calls;
        for (int one = 0; one < 8; ++one) {
          const auto value = static_cast<float>(number * 1000 + round * 10 + one);
          calls.emplace_back(client.call(kPredict, predict_message("double", "x", 1, {value, 0.5F})), value);
        }
        for (const auto& [stream, value] : calls) {
          const SeenAnswer& answer = client.answer(stream);
          if (grpc_status(answer) != 0 || answer.body.find(raw_of({2 * value, 1})) == std::string::npos) ++wrong;
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(server->counters().grpc.calls_finished.value(), 6U * 20 * 8);
}

TEST_F(NativeServerTest, ACallThatTheClientCancelsIsNotExecuted) {
  start();
  SocketClient client(address);
  gate.close();
  const StreamId running = client.call(kPredict, predict_message("double", "x", 1, {1, 2}));
  client.push();
  gate.await(1);
  const StreamId waiting = client.call(kPredict, predict_message("double", "x", 1, {3, 4}));
  client.push();
  client.peer.reset(waiting);
  const StreamId probe = client.call(kServerReady, "");
  client.answer(probe);  // the reset has been read by then
  gate.open();
  EXPECT_EQ(grpc_status(client.answer(running)), 0);
  EXPECT_EQ(gate.executed_rows().size(), 1U);
  EXPECT_EQ(runtimes.front()->metrics().snapshot().dropped_cancelled, 1U);
}

TEST_F(NativeServerTest, HandsACallOutAndSendsWhatItsTakerAnswers) {
  start();
  SocketClient client(address);
  const StreamId stream = client.call(kPython, "question", false, {{"key", "value"}, {"data-bin", "AAE"}});
  client.push();
  const HandedEvent begun = next_event();
  ASSERT_EQ(begun.kind, HandedEvent::Kind::kCall);
  EXPECT_EQ(begun.call->path(), kPython);
  EXPECT_NE(std::ranges::find(begun.call->metadata(), MetadataEntry{"key", "value"}), begun.call->metadata().end());
  EXPECT_NE(std::ranges::find(begun.call->metadata(), MetadataEntry{"data-bin", std::string("\0\1", 2)}),
            begun.call->metadata().end());
  EXPECT_TRUE(begun.call->peer().starts_with("ipv4:127.0.0.1:")) << begun.call->peer();
  HandedEvent question = next_event();
  ASSERT_EQ(question.kind, HandedEvent::Kind::kMessage);
  EXPECT_EQ(text_of(question.message.bytes), "question");
  EXPECT_EQ(next_event().kind, HandedEvent::Kind::kHalfClose);

  begun.call->send_initial_metadata({{"first", "1"}});
  begun.call->send_message(buffer_of("answer"), true);
  begun.call->finish({StatusCode::kAborted, "enough"}, {{"last", "2"}}, "");
  const SeenAnswer& answer = client.answer(stream);
  EXPECT_EQ(answer.headers.at("first"), "1");
  EXPECT_EQ(answer.body, framed("answer"));
  EXPECT_EQ(grpc_status(answer), static_cast<int>(StatusCode::kAborted));
  EXPECT_EQ(answer.trailers.at("last"), "2");
  EXPECT_EQ(next_event().kind, HandedEvent::Kind::kFinished);
}

TEST_F(NativeServerTest, TellsTheTakerOfACallThatTheClientGaveItUp) {
  start();
  SocketClient client(address);
  const StreamId stream = client.call(kPython, "question", /*open=*/true);
  client.push();
  EXPECT_EQ(next_event().kind, HandedEvent::Kind::kCall);
  EXPECT_EQ(next_event().kind, HandedEvent::Kind::kMessage);
  client.peer.reset(stream);
  client.push();
  const HandedEvent last = next_event();
  EXPECT_EQ(last.kind, HandedEvent::Kind::kCancelled);
  EXPECT_EQ(last.reason.code(), StatusCode::kCancelled);
  last.call->send_message(buffer_of("too late"), true);  // goes nowhere
}

TEST_F(NativeServerTest, EndsAHandedCallAtItsDeadline) {
  start();
  SocketClient client(address);
  const StreamId stream = client.call(kPython, "question", false, {{"grpc-timeout", "20m"}});
  EXPECT_EQ(grpc_status(client.answer(stream)), static_cast<int>(StatusCode::kDeadlineExceeded));
  HandedEvent event = next_event();
  while (event.kind != HandedEvent::Kind::kCancelled) event = next_event();
  EXPECT_EQ(event.reason.code(), StatusCode::kDeadlineExceeded);
}

TEST_F(NativeServerTest, DrainingAnswersWhatIsUnderwayAndThenClosesTheConnection) {
  start();
  SocketClient client(address);
  gate.close();
  const StreamId running = client.call(kPredict, predict_message("double", "x", 1, {1, 2}));
  client.push();
  gate.await(1);
  server->drain();
  EXPECT_FALSE(server->wait_until_idle(0ms));
  EXPECT_TRUE(client.talk_until([&] { return client.peer.goaway.has_value(); }));
  gate.open();
  EXPECT_EQ(grpc_status(client.answer(running)), 0);
  EXPECT_TRUE(server->wait_until_idle(10s));
  client.talk_until([] { return false; });
  EXPECT_TRUE(client.closed);
  EXPECT_FALSE(SocketClient(address).connected);
}

TEST_F(NativeServerTest, AStreamThatIsOpenEndsWithUnavailableWhenTheServerDrains) {
  start();
  SocketClient client(address);
  const StreamId stream = client.call(kPredictStream, stream_message(predict_message("double", "x", 1, {1, 2})), true);
  client.talk_until([&] { return !client.peer.answers[stream].body.empty(); });
  server->drain();
  EXPECT_EQ(grpc_status(client.answer(stream)), static_cast<int>(StatusCode::kUnavailable));
}

TEST_F(NativeServerTest, StoppingEndsWhatStillRunsWithUnavailable) {
  start();
  SocketClient client(address);
  gate.close();
  const StreamId running = client.call(kPredict, predict_message("double", "x", 1, {1, 2}));
  client.push();
  gate.await(1);
  server->stop();
  EXPECT_EQ(grpc_status(client.answer(running)), static_cast<int>(StatusCode::kUnavailable));
  server.reset();
  gate.open();  // the model's answer finds nobody, and harms nobody
}

TEST_F(NativeServerTest, ConnectionsBeyondTheLimitAreClosedAtOnce) {
  NativeServerOptions options;
  options.max_connections = 1;
  start(options);
  SocketClient first(address);
  EXPECT_EQ(grpc_status(first.answer(first.call(kPredict, predict_message("double", "x", 1, {1, 2})))), 0);
  SocketClient second(address);
  second.talk_until([] { return false; });
  EXPECT_TRUE(second.closed);
  EXPECT_EQ(server->counters().connections_refused.value(), 1U);
  EXPECT_EQ(grpc_status(first.answer(first.call(kPredict, predict_message("double", "x", 1, {1, 2})))), 0);
}

TEST_F(NativeServerTest, LargeMessagesComeBackWhole) {
  start();
  SocketClient client(address);
  std::vector<float> values(4 << 20);
  for (std::size_t index = 0; index < values.size(); ++index) values[index] = static_cast<float>(index % 1000);
  const std::uint64_t rows = values.size() / 2;
  const SeenAnswer& refused = client.answer(client.call(kPredict, predict_message("double", "x", rows, values)));
  // The model takes 4 rows: what counts here is that 16 MB arrived, and were looked at.
  EXPECT_EQ(grpc_status(refused), static_cast<int>(StatusCode::kInvalidArgument));
  EXPECT_NE(refused.headers.at("grpc-message").find(std::to_string(rows)), std::string::npos);
  const StreamId stream = client.call(kPython, raw_of(values));
  client.push();
  next_event();
  HandedEvent message = next_event();
  ASSERT_EQ(message.kind, HandedEvent::Kind::kMessage);
  message.call->send_message(std::move(message.message.bytes), true);
  message.call->finish({}, {}, "");
  EXPECT_EQ(client.answer(stream).body, framed(raw_of(values)));
}

TEST_F(NativeServerTest, LogsFailuresForAnotherThreadToWrite) {
  start();
  server->request_log().set_level(RequestLog::Level::kFailures);
  SocketClient client(address);
  client.answer(client.call(kPredict, predict_message("double", "x", 1, {1, 2}, 0, "fine")));
  client.answer(client.call(kPredict, predict_message("double", "z", 1, {1, 2}, 0, "wrong")));
  const std::vector<RequestLog::Entry> entries = server->request_log().take();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].request_id, "wrong");
  EXPECT_EQ(entries[0].code, StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace pyserver::test
