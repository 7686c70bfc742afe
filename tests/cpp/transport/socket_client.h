// A client on a real socket: nghttp2's client session, driven by one thread that waits for what it asks for.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "grpc/wire.h"
#include "http2/client_peer.h"
#include "net/address.h"

namespace pyserver::test {

class SocketClient {
 public:
  explicit SocketClient(const std::string& address) {
    const Result<std::vector<SocketAddress>> resolved = resolve(address);
    EXPECT_TRUE(resolved.ok());
    const SocketAddress& to = resolved->front();
    socket_ = Socket(::socket(to.storage.ss_family, SOCK_STREAM, 0));
    connected = ::connect(socket_.fd(), reinterpret_cast<const sockaddr*>(&to.storage), to.length) == 0;
  }

  // A call with one message, which is all unless `open`.
  StreamId call(const std::string& path, std::string_view message, bool open = false,
                const ClientPeer::Fields& more = {}) {
    ClientPeer::Fields fields = ClientPeer::request_fields(path);
    for (const auto& field : more) fields.push_back(field);
    return peer.request(framed(message), open, fields);
  }

  // Sends and receives until `done` says so, or the server closes the connection; whether `done` did.
  template <typename Done>
  bool talk_until(Done done) {
    while (!done()) {
      const std::string out = peer.produce();
      if (!send_all(out)) return done();
      if (done()) return true;
      std::array<char, 64 * 1024> buffer;
      const ssize_t count = ::recv(socket_.fd(), buffer.data(), buffer.size(), 0);
      if (count <= 0) {
        closed = true;
        return done();
      }
      peer.receive({buffer.data(), static_cast<std::size_t>(count)});
    }
    return true;
  }
  SeenAnswer& answer(StreamId stream) {
    talk_until([&] { return peer.answers[stream].closed; });
    return peer.answers[stream];
  }
  // Everything that the session has to send, so that it is on its way.
  void push() { send_all(peer.produce()); }

  ClientPeer peer;
  bool connected = false;
  bool closed = false;

 private:
  bool send_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  Socket socket_;
};

// -1 where there is none.
inline int grpc_status(const SeenAnswer& answer) {
  const auto& from = answer.trailers.empty() ? answer.headers : answer.trailers;
  const auto found = from.find("grpc-status");
  return found == from.end() ? -1 : std::stoi(found->second);
}

}  // namespace pyserver::test
