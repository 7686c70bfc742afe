#include "python/exit_gate.h"

#include <utility>

namespace py = pybind11;

namespace pyserver {

bool ExitGate::State::enter() {
  const std::lock_guard lock(mutex);
  if (!closed) ++inside;
  return !closed;
}

void ExitGate::State::leave() {
  const std::lock_guard lock(mutex);
  if (--inside == 0) left.notify_all();
}

void ExitGate::State::close() {
  std::unique_lock lock(mutex);
  closed = true;
  left.wait(lock, [this] { return inside == 0; });
}

ExitGate::ExitGate()
    : exit_function_(py::cpp_function([state = state_] {
        const py::gil_scoped_release release;  // those inside need it to come out
        state->close();
      })) {
  py::module_::import("atexit").attr("register")(exit_function_);
}

ExitGate::~ExitGate() {
  const GilEntry python(state_);
  if (!python) {
    exit_function_.release();  // Python has ended: nobody can give it back
    return;
  }
  try {
    py::module_::import("atexit").attr("unregister")(exit_function_);
  } catch (py::error_already_set& error) {
    error.discard_as_unraisable("atexit.unregister");
  }
  exit_function_ = py::object();
}

GilEntry::GilEntry(std::shared_ptr<ExitGate::State> state) : state_(std::move(state)) {
  if (state_->enter()) gil_.emplace();
}

GilEntry::~GilEntry() {
  if (!gil_) return;
  gil_.reset();
  state_->leave();
}

}  // namespace pyserver
