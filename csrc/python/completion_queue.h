// CompletionQueue: the way of finished calls from the core's threads into Python.
//
// The core's threads never wait for the GIL: they put the result here and make an eventfd readable; Python's event loop
// then takes all that has gathered at once.
// push() is thread-safe and needs no GIL. take() is for the thread that reads `fd()`.
#pragma once

#include <mutex>
#include <span>
#include <vector>

#include "server/infer_service.h"

struct _object;  // PyObject

namespace pyserver {

class CompletionQueue {
 public:
  // A finished call, and the Python objects that had to live as long as it did. Whoever takes it releases them.
  struct Item {
    InferResult result;
    _object* token;
    _object* request_bytes;
  };

  CompletionQueue();  // throws std::system_error
  ~CompletionQueue();
  CompletionQueue(const CompletionQueue&) = delete;
  CompletionQueue& operator=(const CompletionQueue&) = delete;

  void push(Item item);
  // All that was pushed since the last call; `fd()` is not readable until the next push().
  std::vector<Item> take();
  int fd() const noexcept { return fd_; }

 private:
  const int fd_;
  std::mutex mutex_;
  std::vector<Item> items_;  // guarded by mutex_
};

// Moves the outcome of one call into the queue.
class QueuedCompletion final : public InferCompletion {
 public:
  // Takes over one reference to each object.
  QueuedCompletion(CompletionQueue& queue, _object* token, _object* request_bytes)
      : queue_(queue), token_(token), request_bytes_(request_bytes) {}
  void done(InferResult result) override { result_ = std::move(result); }
  // The request's bytes are in use until here.
  ~QueuedCompletion() override { queue_.push({std::move(result_), token_, request_bytes_}); }

 private:
  CompletionQueue& queue_;
  _object* const token_;
  _object* const request_bytes_;
  InferResult result_;
};

}  // namespace pyserver
