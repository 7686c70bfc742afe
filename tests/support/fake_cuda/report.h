// The faults of the program under test: printed and fatal, or collected.
#pragma once

#include <cstddef>
#include <deque>
#include <string>

namespace fake_cuda {

// Guarded by the world's mutex.
class Faults {
 public:
  // Ends the process unless faults are collected.
  void report(const std::string& text);
  // Prints without ending the process, or collects: for leaks, of which all are told.
  void note(const std::string& text);
  void collect(bool on) { collecting_ = on; }
  bool collecting() const { return collecting_; }

  std::size_t count() const { return texts_.size(); }
  const char* text_of(std::size_t index) const { return index < texts_.size() ? texts_[index].c_str() : nullptr; }
  void clear() { texts_.clear(); }

 private:
  bool collecting_ = false;
  std::deque<std::string> texts_;  // whose elements stay where they are
};

// Ends the process by exit code 86, without running what would run at its end.
[[noreturn]] void end_process();

}  // namespace fake_cuda
