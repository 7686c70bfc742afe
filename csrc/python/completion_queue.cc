#include "python/completion_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace pyserver {

CompletionQueue::CompletionQueue() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

CompletionQueue::~CompletionQueue() { close(fd_); }

void CompletionQueue::push(Item item) {
  std::lock_guard lock(mutex_);
  items_.push_back(std::move(item));
  if (items_.size() > 1) return;  // the reader was told already
  const std::uint64_t one = 1;
  // Cannot fail: the counter is 0 or 1 here.
  [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof one);
}

std::vector<CompletionQueue::Item> CompletionQueue::take() {
  std::lock_guard lock(mutex_);
  std::uint64_t count;
  [[maybe_unused]] const ssize_t got = read(fd_, &count, sizeof count);
  return std::exchange(items_, {});
}

}  // namespace pyserver
