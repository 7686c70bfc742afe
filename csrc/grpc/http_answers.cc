#include "grpc/http_answers.h"

#include <cstring>
#include <string>
#include <vector>

namespace pyserver {
namespace {

std::string_view status_of(HttpRefusal refusal) noexcept {
  switch (refusal) {
    case HttpRefusal::kNotFound: return "404";
    case HttpRefusal::kMethodNotAllowed: return "405";
    case HttpRefusal::kUnsupportedMediaType: return "415";
  }
  return "500";
}

std::string_view text_of(HttpRefusal refusal) noexcept {
  switch (refusal) {
    case HttpRefusal::kNotFound: return "Nothing is here. This server speaks gRPC.\n";
    case HttpRefusal::kMethodNotAllowed: return "This server speaks gRPC: use POST.\n";
    case HttpRefusal::kUnsupportedMediaType: return "This is a gRPC method: use content-type application/grpc.\n";
  }
  return {};
}

}  // namespace

HttpAnswer::HttpAnswer(Http2Session& session, StreamId stream, HttpRefusal refusal, bool with_body, BufferPool& pool)
    : session_(session), stream_(stream) {
  std::string_view text = text_of(refusal);
  Buffer body;
  if (with_body) {
    Result<Buffer> taken = pool.take(text.size());
    if (taken.ok()) {
      body = *std::move(taken);
      std::memcpy(body.data(), text.data(), text.size());
    } else {
      text = {};
    }
  }
  const std::string length = std::to_string(text.size());
  std::vector<HeaderField> fields = {
      {":status", status_of(refusal)}, {"content-type", "text/plain; charset=utf-8"}, {"content-length", length}};
  if (refusal == HttpRefusal::kMethodNotAllowed) fields.push_back({"allow", "POST"});
  const bool has_body = body.size() != 0;
  session_.send_headers(stream_, fields, !has_body);
  if (!has_body) return;
  BodyPiece piece;
  piece.buffer = std::move(body);
  session_.send_data(stream_, std::move(piece));
  session_.end_body(stream_);
}

}  // namespace pyserver
