// A peer that may break every rule: it sends frames as bytes, and sees those that come back.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "http2/server_side.h"

namespace pyserver::test {

struct RawFrame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  StreamId stream = 0;
  std::string content;
};

inline std::string big_endian(std::uint32_t value, int bytes = 4) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 0xff);
  return text;
}

inline std::uint32_t from_big_endian(std::string_view text) {
  std::uint32_t value = 0;
  for (const char octet : text) value = value << 8 | static_cast<std::uint8_t>(octet);
  return value;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, StreamId stream, std::string_view content = {}) {
  std::string bytes = big_endian(static_cast<std::uint32_t>(content.size()), 3);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  bytes += big_endian(static_cast<std::uint32_t>(stream));
  return bytes.append(content);
}

// A literal field that is not indexed and not compressed, shorter than 127 octets each.
inline std::string field(std::string_view name, std::string_view value) {
  std::string bytes(1, '\0');
  bytes += static_cast<char>(name.size());
  bytes.append(name);
  bytes += static_cast<char>(value.size());
  return bytes.append(value);
}

inline std::string request_block(const std::string& more = {}) {
  return field(":method", "POST") + field(":scheme", "http") + field(":path", "/s/M") + field(":authority", "a") + more;
}

class RawPeer {
 public:
  // Begins the connection, unless told not to.
  explicit RawPeer(ServerSide& server, bool begin = true) : server_(server) {
    if (!begin) return;
    send(std::string(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN) + frame(NGHTTP2_SETTINGS, 0, 0));
    send(frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0));
    frames.clear();
  }

  // Sends, and reads what comes back.
  void send(std::string_view bytes) {
    send_only(bytes);
    read();
  }
  void send_only(std::string_view bytes) { server_.session->receive(bytes_of(bytes)); }
  void read() {
    std::string bytes = server_.produce();
    for (std::size_t at = 0; at + 9 <= bytes.size();) {
      const std::size_t size = from_big_endian(std::string_view(bytes).substr(at, 3));
      frames.push_back({static_cast<std::uint8_t>(bytes[at + 3]), static_cast<std::uint8_t>(bytes[at + 4]),
                        static_cast<StreamId>(from_big_endian(std::string_view(bytes).substr(at + 5, 4))),
                        bytes.substr(at + 9, size)});
      at += 9 + size;
    }
  }
  void request(StreamId stream, bool end = true, const std::string& more_fields = {}) {
    const auto flags = static_cast<std::uint8_t>(NGHTTP2_FLAG_END_HEADERS | (end ? NGHTTP2_FLAG_END_STREAM : 0));
    send(frame(NGHTTP2_HEADERS, flags, stream, request_block(more_fields)));
  }

  std::size_t count(std::uint8_t type) const {
    return static_cast<std::size_t>(
        std::count_if(frames.begin(), frames.end(), [type](const RawFrame& one) { return one.type == type; }));
  }
  // The error of the RST_STREAM for that stream, or of the last GOAWAY.
  std::optional<std::uint32_t> reset(StreamId stream) const {
    for (const RawFrame& one : frames) {
      if (one.type == NGHTTP2_RST_STREAM && one.stream == stream) return from_big_endian(one.content);
    }
    return std::nullopt;
  }
  std::optional<std::uint32_t> goaway() const {
    for (auto one = frames.rbegin(); one != frames.rend(); ++one) {
      if (one->type == NGHTTP2_GOAWAY) return from_big_endian(std::string_view(one->content).substr(4, 4));
    }
    return std::nullopt;
  }

  std::vector<RawFrame> frames;

 private:
  ServerSide& server_;
};

}  // namespace pyserver::test
