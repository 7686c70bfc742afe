#include <utility>

#include "net/byte_stream.h"
#include "net/socket_io.h"

namespace pyserver {
namespace {

class PlainStream final : public ByteStream {
 public:
  PlainStream(Socket socket, std::string peer) : io_(std::move(socket)), peer_(std::move(peer)) {}

  IoResult handshake() override { return {}; }
  IoResult read(std::span<std::byte> into) override { return io_.read(into); }
  IoResult write(std::span<const iovec> from) override { return io_.write(from); }
  void shut_down() override { io_.shut_down(); }

  int fd() const noexcept override { return io_.fd(); }
  const std::string& peer() const noexcept override { return peer_; }
  const PeerIdentity& identity() const noexcept override { return identity_; }
  const std::string& failure() const noexcept override { return failure_; }

 private:
  SocketIo io_;
  std::string peer_;
  PeerIdentity identity_;
  std::string failure_;
};

}  // namespace

std::unique_ptr<ByteStream> make_plain_stream(Socket socket, std::string peer) {
  return std::make_unique<PlainStream>(std::move(socket), std::move(peer));
}

}  // namespace pyserver
