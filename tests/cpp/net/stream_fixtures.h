// Reading and writing whole texts by streams and bare sockets.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "net/byte_stream.h"

namespace pyserver::test {

inline std::vector<iovec> pieces_of(std::initializer_list<std::string*> texts) {
  std::vector<iovec> pieces;
  for (std::string* text : texts) pieces.push_back({text->data(), text->size()});
  return pieces;
}

// All that can be read; as a reader does that is called for a readable socket.
inline std::string read_available(ByteStream& stream) {
  std::string text;
  std::array<std::byte, 4096> buffer;
  while (true) {
    const IoResult result = stream.read(buffer);
    if (result.outcome != IoOutcome::kDone) return text;
    text.append(reinterpret_cast<const char*>(buffer.data()), result.bytes);
  }
}

inline void receive_available(int fd, std::string& into) {
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got <= 0) return;
    into.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

// So that writes are cut short.
inline void with_small_buffers(const Socket& a, const Socket& b) {
  const int size = 4096;
  for (const Socket* socket : {&a, &b}) {
    setsockopt(socket->fd(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(socket->fd(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
}

inline std::string noise(std::size_t size) {
  std::mt19937 random(11);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

}  // namespace pyserver::test
