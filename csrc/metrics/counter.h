// Counter: a number that only grows, written without locks. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>

namespace pyserver {

class Counter {
 public:
  void add(std::uint64_t amount = 1) noexcept { value_.fetch_add(amount, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace pyserver
