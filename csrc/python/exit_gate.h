// ExitGate: lets threads of the core into Python for as long as Python lives.
//
// A thread that asks for the GIL while the interpreter ends is ended by it, in the middle of C++. So who may run then
// enters through a gate, which closes when Python's exit functions run: that waits for those inside, and lets nobody in
// after them. Thread-safe.
#pragma once

#include <pybind11/pybind11.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

namespace pyserver {

class ExitGate {
 public:
  // Needs the GIL.
  ExitGate();
  ~ExitGate();
  ExitGate(const ExitGate&) = delete;
  ExitGate& operator=(const ExitGate&) = delete;

 private:
  friend class GilEntry;
  struct State {
    std::mutex mutex;
    std::condition_variable left;
    bool closed = false;  // guarded by mutex
    int inside = 0;       // guarded by mutex

    bool enter();
    void leave();
    void close();
  };

  // The exit function has it too: it may run while the gate goes.
  const std::shared_ptr<State> state_ = std::make_shared<State>();
  pybind11::object exit_function_;
};

// The GIL, for as long as this lives; unless Python has ended. A thread that has the GIL already may make one, too.
class GilEntry {
 public:
  explicit GilEntry(const ExitGate& gate) : GilEntry(gate.state_) {}
  ~GilEntry();
  GilEntry(const GilEntry&) = delete;
  GilEntry& operator=(const GilEntry&) = delete;

  explicit operator bool() const noexcept { return gil_.has_value(); }

 private:
  friend class ExitGate;
  explicit GilEntry(std::shared_ptr<ExitGate::State> state);

  const std::shared_ptr<ExitGate::State> state_;
  std::optional<pybind11::gil_scoped_acquire> gil_;
};

}  // namespace pyserver
