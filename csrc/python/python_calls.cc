#include "python/python_calls.h"

#include "base/text.h"

namespace py = pybind11;

namespace pyserver {
namespace {

// The status that a StatusError carries; OK for every other exception.
Status carried_status(const py::error_already_set& error) {
  const py::object status_error = py::module_::import("pyserver._core").attr("StatusError");
  if (!error.matches(status_error) || !py::hasattr(error.value(), "code") || !py::hasattr(error.value(), "message")) {
    return {};
  }
  const int code = error.value().attr("code").cast<int>();
  if (code <= 0 || code >= kStatusCodeCount) return {};
  return {static_cast<StatusCode>(code), error.value().attr("message").cast<std::string>()};
}

}  // namespace

std::string sentence_of(const py::object& exception) {
  const std::string type = Py_TYPE(exception.ptr())->tp_name;
  try {
    const std::string message = py::str(exception);
    const py::object one_line = py::module_::import("pyserver.errors").attr("one_line");
    return py::str(one_line(message.empty() ? type : concat(type, ": ", message)));
  } catch (const std::exception&) {
    return type;
  }
}

Status status_of(const py::error_already_set& error) {
  try {
    if (Status carried = carried_status(error); !carried.ok()) return carried;
  } catch (const std::exception&) {  // then it is an exception like any other
  }
  return internal_error(sentence_of(error.value()));
}

}  // namespace pyserver
