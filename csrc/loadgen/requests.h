// LoadRequests: what is asked, encoded before the run, and what is expected of the answers.
//
// Immutable once made: shared by all threads of a run, and by several runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "http2/output_queue.h"
#include "loadgen/expectation.h"

namespace pyserver::loadgen {

// 16 hexadecimal digits that name a request on its stream.
inline constexpr std::size_t kIdSize = 16;
using RequestId = std::array<std::byte, kIdSize>;

class LoadRequests : public std::enable_shared_from_this<LoadRequests> {
 public:
  struct Options {
    std::string path;
    std::vector<std::pair<std::string, std::string>> headers;  // beside those that the protocol needs
    bool streaming = false;                                    // gRPC: a stream for each connection
    std::optional<std::size_t> id_offset;  // where in every body kIdSize bytes lie that are overwritten by an id
    IdReader id_reader = IdReader::kNone;  // how the answers of a stream name their requests; none: they come in order
    std::vector<std::optional<Expectation>> expectations;  // as many as bodies, or none
    bool ledger = false;                                   // read pyserver's ledger
  };

  // Copies the bodies. INVALID_ARGUMENT with what does not fit together.
  static Result<std::shared_ptr<const LoadRequests>> create(Options options, std::span<const std::string_view> bodies);

  const Options& options() const noexcept { return options_; }
  std::size_t size() const noexcept { return bodies_.size(); }
  // With gRPC's prefix of five bytes.
  std::span<const std::byte> message(std::uint32_t body) const noexcept { return bodies_[body]; }
  // Without it.
  std::span<const std::byte> content(std::uint32_t body) const noexcept;
  const Expectation* expectation(std::uint32_t body) const noexcept;
  // Whether an answer's content must be looked at.
  bool reads_answers() const noexcept;

 private:
  LoadRequests() = default;

  Options options_;
  std::vector<std::vector<std::byte>> bodies_;
};

inline constexpr std::size_t kMessagePrefix = 5;

// Writes `number` as an id.
RequestId to_request_id(std::uint64_t number) noexcept;
// The number that an answer names; nothing where it is no id of ours.
std::optional<std::uint64_t> from_request_id(std::string_view text) noexcept;

// Where in a body's message the sender is: appends parts of it, with the id in its place. Small bodies are copied,
// large ones borrowed from the pool, which must outlive what they are appended to.
class MessageCursor {
 public:
  MessageCursor() = default;
  explicit MessageCursor(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}
  MessageCursor(std::span<const std::byte> bytes, std::size_t id_at, const RequestId& id) noexcept
      : bytes_(bytes), id_at_(id_at), id_(id) {}

  std::size_t left() const noexcept { return bytes_.size() - sent_; }
  void move_to(OutputQueue& out, std::size_t size);

 private:
  static constexpr std::size_t kNoId = SIZE_MAX;
  // A copy is cheaper than an entry of writev() then.
  static constexpr std::size_t kCopyLimit = 4096;
  void append_plain(OutputQueue& out, std::size_t size);

  std::span<const std::byte> bytes_;
  std::size_t id_at_ = kNoId;
  RequestId id_{};
  std::size_t sent_ = 0;
};

}  // namespace pyserver::loadgen
