#include "connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fcntl.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace probe {
namespace {

// As wide as h2load is told to open them: the windows never hold a response back.
constexpr std::int32_t kWindow = (1 << 24) - 1;
constexpr std::size_t kEnoughToWrite = 64 * 1024;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

int connect_to_path(const std::string& path) {
  sockaddr_un place{};
  place.sun_family = AF_UNIX;
  if (path.size() >= sizeof(place.sun_path)) throw std::runtime_error("the path is too long: " + path);
  std::copy(path.begin(), path.end(), place.sun_path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&place), sizeof(place)) != 0) fail("cannot connect to " + path);
  return fd;
}

int connect_to_host(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error("expected HOST:PORT or unix:PATH, got " + address);
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &wanted, &found) != 0) {
    throw std::runtime_error("cannot resolve " + address);
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> places(found, freeaddrinfo);
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, found->ai_addr, found->ai_addrlen) != 0) fail("cannot connect to " + address);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

int connect_to(const std::string& address) {
  constexpr std::string_view kUnix = "unix:";
  const int fd = address.starts_with(kUnix) ? connect_to_path(address.substr(kUnix.size())) : connect_to_host(address);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return fd;
}

nghttp2_nv field(std::string_view name, std::string_view value) {
  // nghttp2 takes what it does not change as pointers to non-const.
  auto* name_bytes = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(name.data()));
  auto* value_bytes = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(value.data()));
  return {name_bytes, value_bytes, name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

// All of them get the Connection as `self`.
struct Connection::Callbacks {
  static Request* request_of(void* self, std::int32_t stream) {
    auto& requests = static_cast<Connection*>(self)->requests_;
    const auto found = requests.find(stream);
    return found == requests.end() ? nullptr : found->second.get();
  }

  static ssize_t read_body(nghttp2_session*, std::int32_t stream, std::uint8_t* to, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source*, void* self) {
    Request* request = request_of(self, stream);
    if (request == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const auto& body = static_cast<Connection*>(self)->message_.body;
    const std::size_t bytes = std::min(room, body.size() - request->body_sent);
    std::memcpy(to, body.data() + request->body_sent, bytes);
    request->body_sent += bytes;
    if (request->body_sent == body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(bytes);
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                       const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
    Request* request = request_of(self, frame->hd.stream_id);
    if (request == nullptr) return 0;
    const std::string_view name_text(reinterpret_cast<const char*>(name), name_size);
    const std::string_view value_text(reinterpret_cast<const char*>(value), value_size);
    if (name_text == ":status") request->http_ok = value_text == "200";
    if (name_text == "grpc-status") request->grpc_ok = value_text == "0";
    return 0;
  }

  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t*, std::size_t size,
                     void* self) {
    if (Request* request = request_of(self, stream)) request->outcome.bytes += size;
    return 0;
  }

  static int on_stream_close(nghttp2_session*, std::int32_t stream, std::uint32_t error, void* self) {
    auto& connection = *static_cast<Connection*>(self);
    const auto node = connection.requests_.extract(stream);
    if (node.empty()) return 0;
    const Request& request = *node.mapped();
    Outcome outcome = request.outcome;
    outcome.done = Clock::now();
    outcome.ok = error == NGHTTP2_NO_ERROR && request.http_ok && request.grpc_ok;
    connection.on_outcome_(outcome);
    return 0;
  }
};

Connection::Connection(const std::string& address, const Message& message, OnOutcome on_outcome)
    : message_(message), on_outcome_(std::move(on_outcome)), fd_(connect_to(address)) {
  open_session();
  write();
}

Connection::~Connection() {
  nghttp2_session_del(session_);
  close(fd_);
}

void Connection::open_session() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::on_stream_close);
  const int opened = nghttp2_session_client_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  if (opened != 0) throw std::bad_alloc();
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
}

void Connection::send(Clock::time_point due) {
  const nghttp2_nv fields[] = {field(":method", "POST"),
                               field(":scheme", "http"),
                               field(":path", message_.path),
                               field(":authority", message_.authority),
                               field("content-type", "application/grpc"),
                               field("te", "trailers")};
  nghttp2_data_provider body{{.ptr = nullptr}, Callbacks::read_body};
  const std::int32_t stream = nghttp2_submit_request(session_, nullptr, fields, std::size(fields), &body, nullptr);
  if (stream < 0) throw std::runtime_error(nghttp2_strerror(stream));
  auto request = std::make_unique<Request>();
  request->outcome.due = due;
  request->outcome.sent = Clock::now();
  requests_.emplace(stream, std::move(request));
  write();
}

void Connection::on_ready() {
  read();
  write();
}

void Connection::read() {
  std::array<std::uint8_t, 64 * 1024> bytes;
  while (true) {
    const ssize_t got = ::read(fd_, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) fail("cannot read");
    if (got == 0) throw std::runtime_error("the server closed the connection");
    const ssize_t taken = nghttp2_session_mem_recv(session_, bytes.data(), static_cast<std::size_t>(got));
    if (taken < 0) throw std::runtime_error(nghttp2_strerror(static_cast<int>(taken)));
    if (static_cast<std::size_t>(got) < bytes.size()) return;
  }
}

void Connection::write() {
  while (true) {
    while (unwritten_.size() < kEnoughToWrite) {
      const std::uint8_t* frame = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_, &frame);
      if (size < 0) throw std::runtime_error(nghttp2_strerror(static_cast<int>(size)));
      if (size == 0) break;
      unwritten_.insert(unwritten_.end(), frame, frame + size);
    }
    if (unwritten_.empty()) return;
    const ssize_t sent = ::send(fd_, unwritten_.data() + written_, unwritten_.size() - written_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) fail("cannot write");
    written_ += static_cast<std::size_t>(sent);
    if (written_ < unwritten_.size()) continue;
    unwritten_.clear();
    written_ = 0;
  }
}

}  // namespace probe
