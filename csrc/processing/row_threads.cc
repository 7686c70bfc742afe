#include "processing/row_threads.h"

#include <system_error>

namespace pyserver {

RowThreads::RowThreads(std::size_t threads) {
  threads_.reserve(threads);
  try {
    while (threads_.size() + 1 < threads) {
      const std::size_t thread = threads_.size() + 1;
      threads_.emplace_back([this, thread] { run(thread); });
    }
  } catch (const std::system_error&) {
    // The rows are done by those that there are.
  }
}

RowThreads::~RowThreads() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  begin_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void RowThreads::for_each(std::size_t rows, const std::function<void(std::size_t, std::size_t)>& work) {
  if (rows == 1 || threads_.empty()) {
    for (std::size_t row = 0; row < rows; ++row) work(0, row);
    return;
  }
  std::unique_lock lock(mutex_);
  work_ = &work;
  next_row_ = 0;
  rows_ = rows;
  unfinished_ = rows;
  begin_.notify_all();
  take_rows(0, lock);
  end_.wait(lock, [this] { return unfinished_ == 0; });
  work_ = nullptr;
}

void RowThreads::take_rows(std::size_t thread, std::unique_lock<std::mutex>& lock) {
  while (next_row_ < rows_) {
    const std::size_t row = next_row_++;
    const auto& work = *work_;
    lock.unlock();
    work(thread, row);
    lock.lock();
    unfinished_ -= 1;
  }
  if (unfinished_ == 0) end_.notify_one();
}

void RowThreads::run(std::size_t thread) {
  std::unique_lock lock(mutex_);
  while (true) {
    begin_.wait(lock, [this] { return stopped_ || next_row_ < rows_; });
    if (stopped_) return;
    take_rows(thread, lock);
  }
}

}  // namespace pyserver
