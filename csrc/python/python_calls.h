// Python objects that the core keeps and calls on threads of its own.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "python/bindings.h"

namespace pyserver {

// Keeps `object` alive. The last reference may go on any thread, with or without the GIL. Called with the GIL.
inline std::shared_ptr<const pybind11::object> kept(pybind11::object object) {
  return {new pybind11::object(std::move(object)), [](const pybind11::object* owned) {
            const pybind11::gil_scoped_acquire gil;
            delete owned;
          }};
}

// "Type: message" on one line, and the type alone of an exception that cannot say what it is. Called with the GIL.
std::string sentence_of(const pybind11::object& exception);

// What `error` says, as a status: that of a StatusError, and INTERNAL with the sentence of any other. Throws nothing:
// what is asked for its text is anybody's code. Called with the GIL.
Status status_of(const pybind11::error_already_set& error);

}  // namespace pyserver
