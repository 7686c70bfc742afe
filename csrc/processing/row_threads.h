// RowThreads: the threads of one model instance, for work that falls into independent rows.
//
// The engine's threads do nothing while rows are processed, so this uses as many: the caller and `threads` - 1 others,
// which sleep between two batches.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace pyserver {

// for_each() is called by one thread at a time.
class RowThreads {
 public:
  // `threads` ≥ 1. Where the system has no thread left, fewer work.
  explicit RowThreads(std::size_t threads);
  ~RowThreads();
  RowThreads(const RowThreads&) = delete;
  RowThreads& operator=(const RowThreads&) = delete;

  // The caller included.
  std::size_t count() const noexcept { return threads_.size() + 1; }

  // Calls work(thread, row) once for each row below `rows`, `thread` being below count() and different for calls that
  // run at the same time. Returns when all are done. `work` must not throw.
  void for_each(std::size_t rows, const std::function<void(std::size_t thread, std::size_t row)>& work);

 private:
  void run(std::size_t thread);
  // Takes rows until there are none left.
  void take_rows(std::size_t thread, std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable begin_;
  std::condition_variable end_;
  // All below is guarded by mutex_.
  const std::function<void(std::size_t, std::size_t)>* work_ = nullptr;
  std::size_t next_row_ = 0;
  std::size_t rows_ = 0;
  std::size_t unfinished_ = 0;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace pyserver
