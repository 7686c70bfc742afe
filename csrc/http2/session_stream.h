// SessionStream: what a session knows of one stream. StreamList: streams in the order of what they last did, so that
// the time-outs of thousands cost one comparison. StreamPool: owns them, and uses them again.
//
// Belong to one session; thread-compatible.
#pragma once

#include <memory>
#include <vector>

#include "http2/body_queue.h"
#include "http2/header_list.h"
#include "http2/session.h"

namespace pyserver {

struct SessionStream;

// A place in a StreamList.
struct StreamLink {
  SessionStream* previous = nullptr;
  SessionStream* next = nullptr;
  TimePoint since{};
  bool linked = false;
};

struct SessionStream {
  StreamId id = 0;
  std::unique_ptr<Http2Exchange> exchange;  // nullptr before on_request() and after on_closed()

  // What comes in.
  HeaderList headers;
  std::size_t block_bytes = 0;  // of the header block underway, as HeaderList::counted_size() counts
  std::size_t block_fields = 0;
  std::size_t unconsumed = 0;  // bytes of on_data() that count against the windows
  bool headers_too_large = false;
  bool request_ended = false;

  // What goes out.
  BodyQueue body;
  HeaderList trailers;
  bool headers_queued = false;
  bool answer_ended = false;  // no more will be queued
  bool answer_sent = false;   // its last frame is produced
  bool deferred = false;      // nghttp2 asks for no more of the body until it is told
  bool above_high_water = false;
  bool incremental = false;  // takes turns with other long bodies

  // How it ends.
  bool reset_by_peer = false;
  bool reset_by_us = false;  // not made to by the peer
  bool closing = false;      // a reset is queued: what is still sent to it is ignored

  StreamLink all;        // of the session
  StreamLink receiving;  // while the peer owes the rest of a body
  StreamLink sending;    // while a body waits for the peer
  std::size_t backlog() const noexcept { return body.size(); }
};

// Intrusive; does not own.
class StreamList {
 public:
  explicit StreamList(StreamLink SessionStream::* link) noexcept : link_(link) {}
  // To the end, whether it was in or not.
  void touch(SessionStream& stream, TimePoint now) noexcept;
  void remove(SessionStream& stream) noexcept;
  SessionStream* front() const noexcept { return first_; }
  SessionStream* after(const SessionStream& stream) const noexcept { return (stream.*link_).next; }
  // Since when its first has done nothing; kNever where it is empty.
  TimePoint oldest() const noexcept { return first_ == nullptr ? kNever : (first_->*link_).since; }

 private:
  StreamLink SessionStream::* const link_;
  SessionStream* first_ = nullptr;
  SessionStream* last_ = nullptr;
};

class StreamPool {
 public:
  SessionStream& take(StreamId id);
  // Must be out of every list.
  void give_back(SessionStream& stream) noexcept;
  std::size_t used() const noexcept { return used_; }

 private:
  // Some for the usual load of a connection; a thousand idle ones would be memory for nothing.
  static constexpr std::size_t kMaxIdle = 128;
  std::vector<std::unique_ptr<SessionStream>> idle_;
  std::size_t used_ = 0;
};

}  // namespace pyserver
