#include "python/held_references.h"

#include <utility>

namespace pyserver {
namespace {

// Needs the GIL.
void drop(const std::vector<PyObject*>& references) {
  for (PyObject* reference : references) Py_DECREF(reference);
}

}  // namespace

void ReferenceBin::put(std::vector<PyObject*> references) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      dropped_.insert(dropped_.end(), references.begin(), references.end());
      return;
    }
  }
  // Where Python has ended, its objects need nobody any more.
  if (const GilEntry python(gate_); python) drop(references);
}

void ReferenceBin::empty() {
  std::vector<PyObject*> dropped;
  {
    const std::lock_guard lock(mutex_);
    dropped.swap(dropped_);
  }
  drop(dropped);  // which may run anybody's code
}

void ReferenceBin::close() {
  std::vector<PyObject*> dropped;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    dropped.swap(dropped_);
  }
  if (const GilEntry python(gate_); python) drop(dropped);
}

}  // namespace pyserver
