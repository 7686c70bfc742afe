// The server's side of a test: a session in memory, and a record of what it calls back.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http2/session.h"
#include "memory/allocator.h"
#include "support/fake_clock.h"

namespace pyserver::test {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// What one stream has seen.
struct SeenStream {
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool ended = false;
  int drained = 0;
  std::optional<Http2Error> closed;
  bool by_peer = false;

  std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return "(none)";
  }
};

class ServerSide final : public Http2Connection {
 public:
  explicit ServerSide(const Http2Limits& its_limits = {}, BufferPoolLimits memory = {})
      : limits(its_limits), pool(BufferPool::create(allocator, memory)) {
    session = std::make_unique<Http2Session>(*this, limits, counters, *pool, clock);
  }

  // What answers do; each may be left empty.
  std::function<void(StreamId)> at_request, at_end, at_drained;
  std::function<void(StreamId, std::size_t)> at_data = [this](StreamId id, std::size_t size) {
    session->consume(id, size);
  };

  BodyPiece piece(std::string_view content, std::string_view prefix = {}) {
    BodyPiece made;
    std::copy(bytes_of(prefix).begin(), bytes_of(prefix).end(), made.prefix.begin());
    made.prefix_size = static_cast<std::uint8_t>(prefix.size());
    if (!content.empty()) {
      made.buffer = std::move(*pool->take(content.size()));
      std::copy(bytes_of(content).begin(), bytes_of(content).end(), made.buffer.data());
    }
    return made;
  }
  // HEADERS, DATA, HEADERS, as gRPC answers.
  void answer(StreamId id, std::string_view content) {
    session->send_headers(id, kHeaders, false);
    session->send_data(id, piece(content));
    session->send_trailers(id, kTrailers);
  }

  // All that the session has to say, as bytes.
  std::string produce(std::size_t enough = std::size_t{1} << 30) {
    session->produce(out, enough);
    return drain_queue();
  }
  std::string drain_queue() {
    std::string text;
    while (!out.empty()) {
      std::array<iovec, 8> pieces;
      const std::size_t count = out.front(pieces);
      std::size_t size = 0;
      for (std::size_t index = 0; index < count; ++index) {
        text.append(static_cast<const char*>(pieces[index].iov_base), pieces[index].iov_len);
        size += pieces[index].iov_len;
      }
      out.drop(size);
    }
    return text;
  }
  void pass(Duration time) {
    clock.advance(time);
    session->tick(clock.now());
  }

  std::unique_ptr<Http2Exchange> on_request(StreamId id, HeaderList& headers) override {
    SeenStream& stream = seen[id];
    for (std::size_t index = 0; index < headers.size(); ++index) {
      stream.headers.emplace_back(headers[index].name, headers[index].value);
    }
    if (at_request) at_request(id);
    return std::make_unique<Exchange>(*this, id);
  }

  static constexpr std::array<HeaderField, 2> kHeaders{{{":status", "200"}, {"content-type", "application/grpc"}}};
  static constexpr std::array<HeaderField, 1> kTrailers{{{"grpc-status", "0"}}};

  FakeClock clock;
  const Http2Limits limits;
  Http2Counters counters;
  HostAllocator allocator;
  std::shared_ptr<BufferPool> pool;
  std::map<StreamId, SeenStream> seen;
  OutputQueue out;
  std::unique_ptr<Http2Session> session;

 private:
  class Exchange final : public Http2Exchange {
   public:
    Exchange(ServerSide& side, StreamId id) : side_(side), id_(id) {}
    void on_data(std::span<const std::byte> bytes) override {
      side_.seen[id_].body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      if (side_.at_data) side_.at_data(id_, bytes.size());
    }
    void on_end() override {
      side_.seen[id_].ended = true;
      if (side_.at_end) side_.at_end(id_);
    }
    void on_drained() override {
      ++side_.seen[id_].drained;
      if (side_.at_drained) side_.at_drained(id_);
    }
    void on_closed(Http2Error error, bool by_peer) override {
      side_.seen[id_].closed = error;
      side_.seen[id_].by_peer = by_peer;
    }

   private:
    ServerSide& side_;
    const StreamId id_;
  };
};

}  // namespace pyserver::test
