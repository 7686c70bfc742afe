// HttpAnswer: what a request gets that is not gRPC: a status of HTTP and a short text.
//
// Belongs to its session's thread; owned by the session.
#pragma once

#include <string_view>

#include "http2/session.h"
#include "memory/buffer_pool.h"

namespace pyserver {

enum class HttpRefusal { kNotFound, kMethodNotAllowed, kUnsupportedMediaType };

// Answers when it is made, then drops what still comes.
class HttpAnswer final : public Http2Exchange {
 public:
  // `with_body` false: to a HEAD request. Without memory for the text there is none either.
  HttpAnswer(Http2Session& session, StreamId stream, HttpRefusal refusal, bool with_body, BufferPool& pool);

 private:
  void on_data(std::span<const std::byte> bytes) override { session_.consume(stream_, bytes.size()); }
  void on_end() override {}
  void on_drained() override {}
  void on_closed(Http2Error, bool) override {}

  Http2Session& session_;
  const StreamId stream_;
};

}  // namespace pyserver
