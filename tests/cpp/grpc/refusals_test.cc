// Requests that nobody answers: each fails alone, with an answer that says why.
#include <gtest/gtest.h>

#include "base/text.h"
#include "grpc/grpc_connection.h"
#include "grpc/wire.h"

namespace pyserver {
namespace {

using Fields = GrpcConnection::Fields;

class RefusalsTest : public testing::Test {
 protected:
  RefusalsTest() {
    connection_.router.log.on_half_close = [this] { connection_.router.log.call->finish({}); };
  }
  // Whatever happened before, the connection serves.
  void TearDown() override { EXPECT_EQ(connection_.unary("x").status(), 0); }

  const ClientStream& ask(const Fields& fields, std::string_view body = "") {
    const StreamId id = connection_.open(fields, body.empty());
    if (!body.empty()) connection_.send(id, body, true);
    connection_.exchange();
    return connection_.stream(id);
  }
  // A call with these fields and a message.
  const ClientStream& call(const Fields& more, std::string_view path = TestRouter::kKnown) {
    return ask(GrpcConnection::call_fields(path, more), framed("message"));
  }
  static Fields with(Fields fields, std::string_view name, std::string value) {
    for (auto& field : fields) {
      if (field.first == name) field.second = value;
    }
    return fields;
  }
  void expect_trailers_only(const ClientStream& answer, StatusCode code) {
    EXPECT_EQ(answer.header(":status"), "200");
    EXPECT_EQ(answer.header("content-type"), "application/grpc");
    EXPECT_EQ(answer.header_frames, 1);
    EXPECT_TRUE(answer.ended);
    EXPECT_TRUE(answer.closed);
    EXPECT_EQ(answer.error, 0U);
    EXPECT_EQ(answer.status(), static_cast<int>(code)) << answer.message();
    EXPECT_EQ(answer.body, "");
  }
  void expect_http(const ClientStream& answer, const char* status) {
    EXPECT_EQ(answer.header(":status"), status);
    EXPECT_EQ(answer.header("content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(answer.header("content-length"), std::to_string(answer.body.size()));
    EXPECT_FALSE(answer.body.empty());
    EXPECT_TRUE(answer.ended);
    EXPECT_TRUE(answer.closed);
    EXPECT_EQ(answer.error, 0U);
  }

  GrpcConnection connection_;
};

TEST_F(RefusalsTest, AnotherMethodThanPostGets405) {
  for (const char* method : {"GET", "PUT", "DELETE", "PATCH", "post"}) {
    const ClientStream& answer = ask(with(GrpcConnection::call_fields(), ":method", method));
    expect_http(answer, "405");
    EXPECT_EQ(answer.header("allow"), "POST");
  }
  EXPECT_EQ(connection_.counters.refused_http_requests.value(), 5U);
  EXPECT_EQ(connection_.counters.calls_started.value(), 0U);
}

TEST_F(RefusalsTest, AHeadRequestGetsNoBody) {
  const ClientStream& answer = ask(with(GrpcConnection::call_fields(), ":method", "HEAD"));
  EXPECT_EQ(answer.header(":status"), "405");
  EXPECT_NE(answer.header("content-length"), "0");
  EXPECT_EQ(answer.body, "");
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.error, 0U);
}

TEST_F(RefusalsTest, AnotherContentTypeGets415WhereSomethingIsAnd404WhereNothingIs) {
  const Fields known = GrpcConnection::call_fields();
  const Fields unknown = GrpcConnection::call_fields("/index.html");
  for (const char* type : {"", "text/html", "application/json", "application/grpcx", "application/grpc-web", "grpc",
                           "Application/GRPC", "application/grpc/"}) {
    expect_http(ask(with(known, "content-type", type)), "415");
    expect_http(ask(with(unknown, "content-type", type)), "404");
  }
  Fields without = known;
  without.pop_back();
  expect_http(ask(without), "415");
  EXPECT_EQ(connection_.counters.refused_http_requests.value(), 17U);
  EXPECT_EQ(connection_.counters.malformed_calls.value(), 0U);
}

TEST_F(RefusalsTest, TheBodyOfARefusedRequestIsTakenAndDropped) {
  const StreamId id = connection_.open(with(GrpcConnection::call_fields(), ":method", "PUT"));
  connection_.send(id, std::string(1 << 20, 'x'));
  connection_.exchange();
  EXPECT_EQ(connection_.stream(id).header(":status"), "405");
  EXPECT_TRUE(connection_.stream(id).closed) << "the answer is complete, so the stream was reset";
  EXPECT_EQ(connection_.stream(id).error, 0U);
}

TEST_F(RefusalsTest, WithoutMemoryTheHttpAnswerHasNoText) {
  GrpcConnection connection({}, {.max_bytes = 0, .max_idle_bytes = 0});
  const StreamId id =
      connection.open({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "x"}}, true);
  connection.exchange();
  EXPECT_EQ(connection.stream(id).header(":status"), "405");
  EXPECT_EQ(connection.stream(id).header("content-length"), "0");
  EXPECT_TRUE(connection.stream(id).ended);
}

TEST_F(RefusalsTest, EveryContentTypeOfGrpcIsTaken) {
  for (const char* type : {"application/grpc", "application/grpc+proto", "application/grpc+json",
                           "application/grpc;charset=utf-8", "application/grpc; x"}) {
    EXPECT_EQ(ask(with(GrpcConnection::call_fields(), "content-type", type)).status(), 0) << type;
  }
}

TEST_F(RefusalsTest, AMissingTeIsLetPass) {
  Fields fields = GrpcConnection::call_fields();
  std::erase_if(fields, [](const auto& field) { return field.first == "te"; });
  EXPECT_EQ(ask(fields).status(), 0);
}

TEST_F(RefusalsTest, AWrongTeFailsTheStream) {
  const ClientStream& answer = ask(with(GrpcConnection::call_fields(), "te", "gzip"));
  EXPECT_TRUE(answer.closed);
  EXPECT_NE(answer.status(), 0);
}

TEST_F(RefusalsTest, AMalformedTimeoutIsInternal) {
  for (const char* timeout : {"", "1", "S", "1s", "-1S", "123456789n", "1.5S"}) {
    const ClientStream& answer = call({{"grpc-timeout", timeout}});
    expect_trailers_only(answer, StatusCode::kInternal);
    EXPECT_NE(answer.message().find(concat("grpc-timeout '", timeout, "'")), std::string::npos) << answer.message();
  }
  EXPECT_EQ(connection_.counters.malformed_calls.value(), 7U);
  EXPECT_EQ(connection_.counters.calls_finished.value(), 7U);
}

TEST_F(RefusalsTest, ADeadlineThatHasPassedIsExceededAtOnce) {
  expect_trailers_only(call({{"grpc-timeout", "0S"}}), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(connection_.counters.malformed_calls.value(), 0U);
}

TEST_F(RefusalsTest, BinaryMetadataThatIsNotBase64IsInternal) {
  for (const char* value : {"!", "A", "QQ=", "AAAA,!", "Q-_w"}) {
    const ClientStream& answer = call({{"good-bin", "QQ"}, {"key-bin", value}});
    expect_trailers_only(answer, StatusCode::kInternal);
    EXPECT_NE(answer.message().find("'key-bin'"), std::string::npos) << answer.message();
  }
  EXPECT_EQ(connection_.counters.malformed_calls.value(), 5U);
}

TEST_F(RefusalsTest, AnUnknownEncodingIsUnimplementedAndTheKnownOnesAreNamed) {
  for (const char* encoding : {"snappy", "", "GZIP", "gzip,deflate"}) {
    const ClientStream& answer = call({{"grpc-encoding", encoding}});
    expect_trailers_only(answer, StatusCode::kUnimplemented);
    EXPECT_EQ(answer.header("grpc-accept-encoding"), "identity,deflate,gzip");
  }
  EXPECT_EQ(call({{"grpc-encoding", "snappy"}}).message(),
            "grpc-encoding 'snappy' is unknown: expected one of identity,deflate,gzip");
  EXPECT_EQ(connection_.counters.malformed_calls.value(), 5U);
}

TEST_F(RefusalsTest, APathThatIsNoMethodsIsUnimplemented) {
  for (const char* path : {"/", "//", "/service", "/service/", "//method/", "*", "service/method"}) {
    const ClientStream& answer = call({}, path);
    if (answer.header(":status").empty()) {
      EXPECT_TRUE(answer.closed) << path << " may be refused by HTTP/2 itself";
    } else {
      expect_trailers_only(answer, StatusCode::kUnimplemented);
    }
  }
}

TEST_F(RefusalsTest, ALongPathFailsTheStream) {
  const std::string path = "/service/" + std::string(kMaxPathBytes - 9, 'x');
  expect_trailers_only(call({}, path), StatusCode::kUnimplemented);
  const ClientStream& answer = call({}, path + 'x');
  expect_trailers_only(answer, StatusCode::kResourceExhausted);
  EXPECT_EQ(answer.message(), "path of 8193 bytes, longer than the limit of 8192");
}

TEST_F(RefusalsTest, AnUnknownMethodIsUnimplementedAndNamed) {
  const ClientStream& answer = call({}, "/test.Service/Unknown");
  expect_trailers_only(answer, StatusCode::kUnimplemented);
  EXPECT_EQ(answer.message(), "method '/test.Service/Unknown' is not found on this server");
  EXPECT_EQ(connection_.counters.malformed_calls.value(), 0U) << "it is well-formed";
  EXPECT_EQ(connection_.counters.calls_started.value(), 1U);
  EXPECT_EQ(connection_.counters.calls_finished.value(), 1U);
}

TEST_F(RefusalsTest, WhatIsSentAfterTheAnswerCostsOthersNothing) {
  for (int i = 0; i < 100; ++i) {
    const StreamId id = connection_.open(GrpcConnection::call_fields("/test.Service/Unknown"));
    connection_.send(id, framed(std::string(1 << 20, 'x')), true);
  }
  connection_.exchange();
  // TearDown() shows that the connection's window is open still.
  EXPECT_EQ(connection_.pool->stats().used_bytes, 0U);
}

TEST_F(RefusalsTest, ASchemeThatIsNotHttpIsRefused) {
  const ClientStream& answer = ask(with(GrpcConnection::call_fields(), ":scheme", "ftp"), framed("message"));
  expect_trailers_only(answer, StatusCode::kInternal);
  EXPECT_NE(answer.message().find("'ftp'"), std::string::npos);
}

}  // namespace
}  // namespace pyserver
