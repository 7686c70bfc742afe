#include "transport/request_log.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

namespace pyserver {

RequestLog::RequestLog() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

RequestLog::~RequestLog() {
  if (fd_ >= 0) ::close(fd_);
}

void RequestLog::put(const InferResult& result) {
  const Level level = level_.load(std::memory_order_relaxed);
  if (level == Level::kNone || (level == Level::kFailures && result.status.ok())) return;
  std::lock_guard lock(mutex_);
  if (entries_.size() >= kMaxWaiting) return dropped_.add();
  entries_.push_back({result.status.code(), result.status.message(), result.request_id, result.model});
  if (entries_.size() == 1) ::eventfd_write(fd_, 1);
}

std::vector<RequestLog::Entry> RequestLog::take() {
  std::lock_guard lock(mutex_);
  eventfd_t ignored = 0;
  ::eventfd_read(fd_, &ignored);
  return std::exchange(entries_, {});
}

}  // namespace pyserver
