// RequestLog: finished requests on their way to whoever writes the log, on another thread.
//
// Thread-safe; never waits for the writer: what it cannot hold is counted and dropped.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/status.h"
#include "metrics/counter.h"
#include "server/infer_service.h"

namespace pyserver {

class RequestLog {
 public:
  static constexpr std::size_t kMaxWaiting = 4096;

  enum class Level { kNone, kFailures, kAll };
  struct Entry {
    StatusCode code = StatusCode::kOk;
    std::string message;
    std::string request_id;  // as the caller sent it: not yet safe to print
    std::string model;       // likewise
  };

  RequestLog();
  ~RequestLog();
  RequestLog(const RequestLog&) = delete;
  RequestLog& operator=(const RequestLog&) = delete;

  void set_level(Level level) noexcept { level_.store(level, std::memory_order_relaxed); }
  // Takes a copy where the level asks for it.
  void put(const InferResult& result);

  // Readable while there are entries.
  int fd() const noexcept { return fd_; }
  std::vector<Entry> take();
  std::uint64_t dropped() const noexcept { return dropped_.value(); }

 private:
  const int fd_;
  std::atomic<Level> level_{Level::kNone};
  Counter dropped_;
  std::mutex mutex_;
  std::vector<Entry> entries_;  // guarded by mutex_
};

}  // namespace pyserver
