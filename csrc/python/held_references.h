// HeldReferences: references to Python objects that may be let go by threads without the GIL.
//
// A thread that sends answers must not wait for the GIL. What it lets go is put down in a ReferenceBin, which is
// emptied by whoever has the GIL next.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <mutex>
#include <vector>

#include "python/exit_gate.h"

namespace pyserver {

// Thread-safe.
class ReferenceBin {
 public:
  // Needs the GIL.
  ReferenceBin() = default;
  ReferenceBin(const ReferenceBin&) = delete;
  ReferenceBin& operator=(const ReferenceBin&) = delete;

  const ExitGate& gate() const noexcept { return gate_; }

  // Takes over the references. Where the bin is closed they are dropped at once, for which the GIL is waited for.
  void put(std::vector<PyObject*> references);
  // Drops what is in it. Needs the GIL.
  void empty();
  // Nobody will empty it again.
  void close();

 private:
  const ExitGate gate_;
  std::mutex mutex_;
  bool closed_ = false;             // guarded by mutex_
  std::vector<PyObject*> dropped_;  // guarded by mutex_
};

class HeldReferences {
 public:
  explicit HeldReferences(std::shared_ptr<ReferenceBin> bin) : bin_(std::move(bin)) {}
  ~HeldReferences() { bin_->put(std::move(references_)); }
  HeldReferences(const HeldReferences&) = delete;
  HeldReferences& operator=(const HeldReferences&) = delete;

  void hold(pybind11::object object) { references_.push_back(object.release().ptr()); }

 private:
  const std::shared_ptr<ReferenceBin> bin_;
  std::vector<PyObject*> references_;
};

}  // namespace pyserver
