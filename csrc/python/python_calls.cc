#include "python/python_calls.h"

#include "base/text.h"

namespace py = pybind11;

namespace pyserver {

Status status_of(const py::error_already_set& error) {
  const py::object status_error = py::module_::import("pyserver._core").attr("StatusError");
  if (error.matches(status_error) && py::hasattr(error.value(), "code") && py::hasattr(error.value(), "message")) {
    const int code = error.value().attr("code").cast<int>();
    if (code > 0 && code < kStatusCodeCount) {
      return {static_cast<StatusCode>(code), error.value().attr("message").cast<std::string>()};
    }
  }
  return internal_error(concat(py::str(error.type().attr("__name__")).cast<std::string>(), ": ",
                               py::str(error.value()).cast<std::string>()));
}

}  // namespace pyserver
