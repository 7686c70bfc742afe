// An honest peer: nghttp2's client session in memory, and a record of what the server answered.
#pragma once

#include <nghttp2/nghttp2.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http2/server_side.h"

namespace pyserver::test {

struct SeenAnswer {
  std::map<std::string, std::string> headers, trailers;
  std::string body;
  std::size_t data_frames = 0;
  bool ended = false;                  // by END_STREAM
  std::optional<std::uint32_t> reset;  // by RST_STREAM
  bool closed = false;
};

class ClientPeer {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  // `window`: how much of bodies it takes before it opens its windows; they are never opened if not `opens_windows`.
  explicit ClientPeer(std::uint32_t window = 1 << 20, bool opens_windows = true);
  ~ClientPeer() { nghttp2_session_del(session_); }
  ClientPeer(const ClientPeer&) = delete;
  ClientPeer& operator=(const ClientPeer&) = delete;

  static Fields request_fields(const std::string& path = "/s/M");
  // A request with this body. `open`: it goes on with send().
  StreamId request(std::string body = {}, bool open = false, const Fields& fields = request_fields());
  void send(StreamId stream, std::string_view bytes, bool end = false);
  void reset(StreamId stream, std::uint32_t error = NGHTTP2_CANCEL);
  void ping();
  void go_away();

  // Bytes to the server and back until both are silent.
  void talk(ServerSide& server);
  // One way only.
  std::string produce();
  void receive(std::string_view bytes);

  std::map<StreamId, SeenAnswer> answers;
  std::optional<std::uint32_t> goaway;  // the error of the last
  std::vector<StreamId> goaway_last_streams;
  int pings_acknowledged = 0;
  int pings_received = 0;
  int window_updates = 0;
  nghttp2_session* session() noexcept { return session_; }

 private:
  struct Body {
    std::string bytes;
    std::size_t at = 0;
    bool open = false;
  };
  static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t size, std::uint32_t* flags,
                           nghttp2_data_source* source, void*);
  int on_frame(const nghttp2_frame& frame);

  nghttp2_session* session_ = nullptr;
  std::map<StreamId, Body> bodies_;
};

}  // namespace pyserver::test
