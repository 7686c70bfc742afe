// Http1Reader: finds one response of HTTP/1.1 after another in the bytes of a connection: a body of known length, in
// chunks, or up to the connection's end.
//
// Thread-compatible; no sockets. Bodies are shown piece by piece and not kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace pyserver::loadgen {

class Http1Reader {
 public:
  // Reads up to the end of a response, and returns how many bytes belong to it. take(piece) gets its body. Not OK: it
  // is no HTTP/1.1.
  template <typename Take>
  Result<std::size_t> read(std::span<const std::byte> bytes, Take&& take) {
    std::size_t used = 0;
    while (used < bytes.size() && !complete_) {
      const std::span<const std::byte> rest = bytes.subspan(used);
      if (state_ == State::kBody) {
        const std::span<const std::byte> piece = rest.first(body_in(rest.size()));
        take(piece);
        used += piece.size();
        body_taken(piece.size());
      } else {
        used += take_line(rest);
        PYSERVER_RETURN_IF_ERROR(problem_);
      }
    }
    return used;
  }
  // The connection has ended: whether that ends the response in good order.
  bool end() noexcept;

  // The response is there to its end.
  bool complete() const noexcept { return complete_; }
  int status() const noexcept { return code_; }
  // The server keeps the connection after this response.
  bool keeps_alive() const noexcept { return keeps_alive_ && length_ != Length::kUntilEnd; }
  // For the next response.
  void clear();

 private:
  enum class State { kStatusLine, kFields, kChunkSize, kBody, kChunkEnd, kTrailers };
  enum class Length { kNone, kKnown, kChunked, kUntilEnd };
  // A line that is longer is none.
  static constexpr std::size_t kLongestLine = 64 * 1024;

  std::size_t take_line(std::span<const std::byte> bytes);
  void line_complete(std::string_view line);
  void status_line(std::string_view line);
  void field_line(std::string_view line);
  void head_complete();
  void chunk_size(std::string_view line);
  std::size_t body_in(std::size_t available) const noexcept;
  void body_taken(std::size_t size) noexcept;
  void fail(std::string_view problem);

  State state_ = State::kStatusLine;
  Length length_ = Length::kUntilEnd;
  std::string line_;  // of which the end has not come
  std::uint64_t left_ = 0;
  int code_ = 0;
  bool keeps_alive_ = true;
  bool complete_ = false;
  Status problem_;
};

}  // namespace pyserver::loadgen
