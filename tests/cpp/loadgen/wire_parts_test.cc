// What finds messages and responses in bytes, however they are cut; and what puts requests on their way.
#include <gtest/gtest.h>

#include <string>

#include "loadgen/grpc_answer.h"
#include "loadgen/http1_reader.h"
#include "loadgen/message_assembler.h"
#include "loadgen/requests.h"

namespace pyserver::loadgen::test {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string framed(std::string_view message) {
  std::string out(5, '\0');
  for (int index = 0; index < 4; ++index) {
    out[static_cast<std::size_t>(1 + index)] = static_cast<char>(message.size() >> (24 - 8 * index));
  }
  return out.append(message);
}

TEST(MessageAssembler, FindsMessagesHoweverTheyAreCut) {
  const std::vector<std::string> messages{"one", "", std::string(300, 'x'), "last"};
  std::string stream;
  for (const std::string& message : messages) stream += framed(message);
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    MessageAssembler assembler;
    std::vector<std::string> found;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      const auto piece = bytes_of(std::string_view(stream).substr(at, step));
      const auto take = [&](std::span<const std::byte> message) { found.push_back(text_of(message)); };
      ASSERT_TRUE(assembler.feed(piece, true, take).ok());
    }
    ASSERT_EQ(found, messages) << "in pieces of " << step;
    EXPECT_TRUE(assembler.between_messages());
  }
}

TEST(MessageAssembler, CountsMessagesWithoutKeepingThem) {
  MessageAssembler assembler;
  const std::string stream = framed("one") + framed("two") + framed("cut");
  std::size_t shown = 0;
  const auto take = [&](std::span<const std::byte> message) { shown += message.size(); };
  ASSERT_TRUE(assembler.feed(bytes_of(stream).first(stream.size() - 1), false, take).ok());
  EXPECT_EQ(assembler.messages(), 2u);
  EXPECT_EQ(shown, 0u);
  EXPECT_FALSE(assembler.between_messages());
}

TEST(MessageAssembler, RefusesCompressedMessages) {
  MessageAssembler assembler;
  std::string message = framed("one");
  message[0] = 1;
  EXPECT_FALSE(assembler.feed(bytes_of(message), true, [](std::span<const std::byte>) {}).ok());
}

struct HttpAnswer {
  int status;
  std::string body;
  bool keeps_alive;
};

// What is read of `stream` in pieces of `step` bytes, up to the first complete answer.
HttpAnswer read_http(std::string_view stream, std::size_t step, bool ends = false) {
  Http1Reader reader;
  std::string body;
  for (std::size_t at = 0; at < stream.size() && !reader.complete(); at += step) {
    const auto take = [&](std::span<const std::byte> piece) { body += text_of(piece); };
    EXPECT_TRUE(reader.read(bytes_of(stream.substr(at, step)), take).ok());
  }
  EXPECT_EQ(ends && reader.end(), ends);
  EXPECT_TRUE(reader.complete()) << stream;
  return {reader.status(), body, reader.keeps_alive()};
}

TEST(Http1Reader, ReadsAnswersHoweverTheyAreCut) {
  const std::string known = "HTTP/1.1 200 OK\r\ncontent-LENGTH:  5 \r\nX: y\r\n\r\nhello";
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nT: x\r\n\r\n";
  const std::string none =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nContent-Length: 0\r\n"
      "Connection: close\r\n\r\n";
  for (std::size_t step = 1; step < 80; ++step) {
    EXPECT_EQ(read_http(known, step).body, "hello");
    EXPECT_TRUE(read_http(known, step).keeps_alive);
    EXPECT_EQ(read_http(chunked, step).body, "hello world");
    EXPECT_EQ(read_http(none, step).status, 503);
    EXPECT_FALSE(read_http(none, step).keeps_alive);
  }
}

TEST(Http1Reader, ABodyWithoutALengthEndsWithTheConnection) {
  const HttpAnswer answer = read_http("HTTP/1.1 200 OK\r\n\r\nall of it", 4, true);
  EXPECT_EQ(answer.body, "all of it");
  EXPECT_FALSE(answer.keeps_alive);
}

TEST(Http1Reader, LeavesWhatBelongsToTheNextAnswer) {
  Http1Reader reader;
  const std::string stream = "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n";
  const auto used = reader.read(bytes_of(stream), [](std::span<const std::byte>) {});
  ASSERT_TRUE(used.ok());
  EXPECT_EQ(stream.substr(*used), "HTTP/1.1 200 OK\r\n");
}

TEST(Http1Reader, AnAnswerThatEndsTooEarlyIsNone) {
  Http1Reader reader;
  const std::string cut = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell";
  ASSERT_TRUE(reader.read(bytes_of(cut), [](std::span<const std::byte>) {}).ok());
  EXPECT_FALSE(reader.end());
}

TEST(Http1Reader, RefusesWhatIsNoHttp) {
  for (const std::string_view wrong :
       {"220 mail.example.com ESMTP\r\n", "HTTP/1.1 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsome\r\n"}) {
    Http1Reader reader;
    EXPECT_FALSE(reader.read(bytes_of(wrong), [](std::span<const std::byte>) {}).ok()) << wrong;
  }
}

std::string sent_by(MessageCursor cursor, std::size_t step) {
  OutputQueue out;
  while (cursor.left() > 0) cursor.move_to(out, std::min(step, cursor.left()));
  std::string text;
  while (!out.empty()) {
    std::array<iovec, 1> piece;
    out.front(piece);
    text.append(static_cast<const char*>(piece[0].iov_base), piece[0].iov_len);
    out.drop(piece[0].iov_len);
  }
  return text;
}

TEST(MessageCursor, PutsTheIdInItsPlaceHoweverItIsCut) {
  for (const std::size_t size : {std::size_t{40}, std::size_t{9000}}) {  // copied, and borrowed
    const std::string body(size, '.');
    const std::string expected = body.substr(0, 7) + "00000000000000ff" + body.substr(23);
    for (const std::size_t step : {1, 3, 7, 8, 16, 23, 40, 5000}) {
      EXPECT_EQ(sent_by(MessageCursor(bytes_of(body), 7, to_request_id(255)), step), expected);
    }
    EXPECT_EQ(sent_by(MessageCursor(bytes_of(body)), 11), body);
  }
}

TEST(RequestId, IsReadAsItIsWritten) {
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{0x123456789abcdef}}) {
    const RequestId id = to_request_id(number);
    EXPECT_EQ(from_request_id(text_of(id)), number);
  }
  EXPECT_EQ(from_request_id("0123"), std::nullopt);
  EXPECT_EQ(from_request_id("000000000000000G"), std::nullopt);
}

TEST(GrpcAnswer, TellsHowACallEnded) {
  GrpcAnswer answer;
  answer.take_field(":status", "200");
  EXPECT_FALSE(answer.ok());
  EXPECT_EQ(answer.error(Http2Error::kNoError).name(), "UNKNOWN");
  EXPECT_EQ(answer.error(Http2Error::kRefusedStream).name(), "UNAVAILABLE");
  answer.take_field("grpc-status", "0");
  EXPECT_TRUE(answer.ok());
  answer.take_field("grpc-status", "5");
  answer.take_field("grpc-message", "100%25 gone%2");
  EXPECT_EQ(answer.error(Http2Error::kNoError).name(), "NOT_FOUND");
  EXPECT_EQ(answer.sentence(Http2Error::kNoError), "100% gone%2");
  answer.clear();
  answer.take_field(":status", "502");
  EXPECT_EQ(answer.error(Http2Error::kNoError).name(), "HTTP 502");
}

}  // namespace
}  // namespace pyserver::loadgen::test
