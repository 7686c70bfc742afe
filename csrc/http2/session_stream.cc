#include "http2/session_stream.h"

#include <new>

namespace pyserver {

void StreamList::touch(SessionStream& stream, TimePoint now) noexcept {
  remove(stream);
  StreamLink& link = stream.*link_;
  link.previous = last_;
  link.next = nullptr;
  link.since = now;
  link.linked = true;
  (last_ == nullptr ? first_ : (last_->*link_).next) = &stream;
  last_ = &stream;
}

void StreamList::remove(SessionStream& stream) noexcept {
  StreamLink& link = stream.*link_;
  if (!link.linked) return;
  (link.previous == nullptr ? first_ : (link.previous->*link_).next) = link.next;
  (link.next == nullptr ? last_ : (link.next->*link_).previous) = link.previous;
  link.linked = false;
}

SessionStream& StreamPool::take(StreamId id) {
  std::unique_ptr<SessionStream> stream;
  if (idle_.empty()) {
    stream = std::make_unique<SessionStream>();
  } else {
    stream = std::move(idle_.back());
    idle_.pop_back();
  }
  stream->id = id;
  ++used_;
  return *stream.release();
}

void StreamPool::give_back(SessionStream& stream) noexcept {
  --used_;
  std::unique_ptr<SessionStream> owned(&stream);
  if (idle_.size() >= kMaxIdle) return;
  // Keeps the memory of its lists.
  SessionStream fresh;
  fresh.headers = std::move(stream.headers);
  fresh.trailers = std::move(stream.trailers);
  fresh.body = std::move(stream.body);
  fresh.headers.clear();
  fresh.trailers.clear();
  fresh.body.clear();
  stream = std::move(fresh);
  try {
    idle_.push_back(std::move(owned));
  } catch (const std::bad_alloc&) {
    // Not kept, then.
  }
}

}  // namespace pyserver
