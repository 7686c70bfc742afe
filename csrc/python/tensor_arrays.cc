#include "python/tensor_arrays.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"

namespace py = pybind11;

namespace pyserver {
namespace {

// What NumPy calls a datatype; the core's tensors are little-endian.
const char* dtype_name(Datatype datatype) {
  switch (datatype) {
    case Datatype::kBool: return "?";
    case Datatype::kUint8: return "<u1";
    case Datatype::kUint16: return "<u2";
    case Datatype::kUint32: return "<u4";
    case Datatype::kUint64: return "<u8";
    case Datatype::kInt8: return "<i1";
    case Datatype::kInt16: return "<i2";
    case Datatype::kInt32: return "<i4";
    case Datatype::kInt64: return "<i8";
    case Datatype::kFp16: return "<f2";
    case Datatype::kFp32: return "<f4";
    case Datatype::kFp64: return "<f8";
    case Datatype::kBytes: return "O";
    case Datatype::kBf16: return "<u2";
  }
  return "V";
}

std::vector<py::ssize_t> dimensions_of(const Shape& shape) {
  return {shape.dimensions().begin(), shape.dimensions().end()};
}

py::array bytes_array(const TensorView& tensor) {
  py::array array(py::dtype("O"), dimensions_of(tensor.shape));
  auto* elements = static_cast<PyObject**>(array.mutable_data());
  std::span<const std::byte> rest = tensor.bytes;
  for (py::ssize_t index = 0; index < array.size(); ++index) {
    const std::span<const std::byte> element = take_bytes_element(rest);
    PyObject* bytes = PyBytes_FromStringAndSize(reinterpret_cast<const char*>(element.data()),
                                                static_cast<Py_ssize_t>(element.size()));
    if (bytes == nullptr) throw py::error_already_set();
    Py_XDECREF(std::exchange(elements[index], bytes));
  }
  return array;
}

std::string type_name(const py::handle& object) { return Py_TYPE(object.ptr())->tp_name; }

bool is_datatype(const py::dtype& dtype, Datatype datatype) {
  if (datatype == Datatype::kBytes) return dtype.kind() == 'O' || dtype.kind() == 'S' || dtype.kind() == 'U';
  const py::dtype expected(dtype_name(datatype));
  if (dtype.kind() == expected.kind() && dtype.itemsize() == expected.itemsize()) return true;
  return datatype == Datatype::kBf16 && dtype.itemsize() == 2 && py::str(dtype).cast<std::string>() == "bfloat16";
}

bool overlap(std::span<const std::byte> a, std::span<const std::byte> b) {
  // As numbers: pointers into different blocks must not be compared.
  const auto a_begin = reinterpret_cast<std::uintptr_t>(a.data()), b_begin = reinterpret_cast<std::uintptr_t>(b.data());
  return a_begin < b_begin + b.size() && b_begin < a_begin + a.size();
}

std::span<const std::byte> bytes_of(const py::array& array) {
  return {static_cast<const std::byte*>(array.data()), static_cast<std::size_t>(array.nbytes())};
}

bool lies_well(const py::array& array, std::span<const TensorView> inputs) {
  if ((array.flags() & py::array::c_style) == 0 || array.dtype().byteorder() == '>') return false;
  const std::span<const std::byte> bytes = bytes_of(array);
  return std::ranges::none_of(inputs, [&](const TensorView& input) { return overlap(input.bytes, bytes); });
}

py::array copy_of(const py::array& array) {
  const py::object dtype = array.dtype().attr("newbyteorder")("<");
  return py::module_::import("numpy").attr("array")(array, dtype, py::arg("order") = "C", py::arg("copy") = true);
}

// Appends a BYTES element: its length and its data.
Status append_element(const py::handle& element, std::string& to) {
  std::string_view data;
  Py_ssize_t size = 0;
  if (PyUnicode_Check(element.ptr())) {
    const char* text = PyUnicode_AsUTF8AndSize(element.ptr(), &size);
    if (text == nullptr) throw py::error_already_set();
    data = {text, static_cast<std::size_t>(size)};
  } else if (PyBytes_Check(element.ptr())) {
    data = {PyBytes_AS_STRING(element.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(element.ptr()))};
  } else {
    return internal_error(concat("a BYTES element is bytes or str, got ", type_name(element)));
  }
  if (data.size() > std::numeric_limits<std::uint32_t>::max()) {
    return internal_error(concat("a BYTES element has at most 4 GiB, got ", data.size(), " bytes"));
  }
  for (int shift = 0; shift < 32; shift += 8) to.push_back(static_cast<char>(data.size() >> shift & 0xFF));
  to.append(data);
  return {};
}

Result<py::bytes> packed(const py::array& array) {
  std::string bytes;
  const py::array objects = py::module_::import("numpy").attr("asarray")(array, py::dtype("O"));
  for (const py::handle element : objects.attr("ravel")()) PYSERVER_RETURN_IF_ERROR(append_element(element, bytes));
  return py::bytes(bytes);
}

}  // namespace

py::array view_as_array(const TensorView& tensor) {
  if (tensor.datatype == Datatype::kBytes) return bytes_array(tensor);
  // NumPy takes memory that it does not own only with an object that does.
  const py::capsule owner(&tensor, [](void*) {});
  py::array array(py::dtype(dtype_name(tensor.datatype)), dimensions_of(tensor.shape), {}, tensor.bytes.data(), owner);
  array.attr("flags").attr("writeable") = false;
  return array;
}

bool take_back(const py::array& array) {
  if (array.ref_count() == 1 || array.owndata()) return true;
  static constexpr std::uint64_t kNothing[2] = {};  // as long as the longest element
  py::detail::PyArray_Proxy* fields = py::detail::array_proxy(array.ptr());
  std::fill_n(fields->dimensions, fields->nd, 0);
  fields->data = const_cast<char*>(reinterpret_cast<const char*>(kNothing));  // of a read-only array
  return false;
}

Result<TensorView> tensor_of(const TensorSpec& spec, const py::object& given, std::span<const TensorView> inputs,
                             HeldReferences& held, bool& copied) {
  const auto wrong = [&spec](std::string what) {
    return internal_error(concat("the model's output ", quoted(spec.name), " is wrong: ", what));
  };
  if (!py::isinstance<py::array>(given)) return wrong(concat("expected a NumPy array, got ", type_name(given)));
  py::array array = given.cast<py::array>();
  if (!is_datatype(array.dtype(), spec.datatype)) {
    return wrong(
        concat("expected ", name_of(spec.datatype), ", got an array of ", py::str(array.dtype()).cast<std::string>()));
  }
  TensorView tensor{.name = spec.name, .datatype = spec.datatype, .shape = {}, .bytes = {}};
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    if (!tensor.shape.push_back(array.shape(axis))) {
      return wrong(concat("it has ", array.ndim(), " dimensions; at most ", Shape::kMaxRank, " are supported"));
    }
  }
  if (spec.datatype == Datatype::kBytes) {
    Result<py::bytes> bytes = packed(array);
    if (!bytes.ok()) return wrong(bytes.status().message());
    tensor.bytes = std::as_bytes(std::span(PyBytes_AS_STRING(bytes->ptr()), PyBytes_GET_SIZE(bytes->ptr())));
    held.hold(*std::move(bytes));
    return tensor;
  }
  if (!lies_well(array, inputs)) {
    array = copy_of(array);
    copied = true;
  }
  tensor.bytes = bytes_of(array);
  held.hold(std::move(array));
  return tensor;
}

}  // namespace pyserver
