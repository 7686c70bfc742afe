#include "python/python_function.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/text.h"
#include "python/python_calls.h"
#include "python/tensor_arrays.h"

namespace py = pybind11;

namespace pyserver {
namespace {

// The traceback goes to the log; what fails there is nobody's failure.
void log_traceback(const std::string& sentence, const py::error_already_set& failure) {
  try {
    // As text: a record that keeps the exception would keep its frames, and the arrays in them.
    const py::object lines =
        py::module_::import("traceback").attr("format_exception")(failure.type(), failure.value(), failure.trace());
    py::dict fields;
    fields["error"] = sentence;
    fields["traceback"] = py::str("").attr("join")(lines);
    py::dict extra;
    extra["fields"] = fields;
    const py::object log = py::module_::import("logging").attr("getLogger")("pyserver.engines");
    log.attr("error")("a model's function raised an exception", py::arg("extra") = extra);
  } catch (py::error_already_set& error) {
    error.discard_as_unraisable("the log of pyserver.engines");
  }
}

Status told_in_the_log(const py::error_already_set& error) {
  const std::string sentence = sentence_of(error.value());
  log_traceback(sentence, error);
  return error.matches(PyExc_MemoryError) ? resource_exhausted(sentence) : internal_error(sentence);
}

}  // namespace

PythonFunction::PythonFunction(py::object callable, const ModelSignature& signature)
    : signature_(signature), callable_(std::move(callable)) {
  if (PyCallable_Check(callable_.ptr()) == 0) throw py::type_error("a function of an engine must be callable");
}

PythonFunction::~PythonFunction() {
  outputs_.reset();
  bin_->close();
  if (const GilEntry python(bin_->gate()); python) {
    callable_ = py::object();
  } else {
    callable_.release();
  }
}

Status PythonFunction::execute(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) {
  outputs_.reset();
  const GilEntry python(bin_->gate());
  if (!python) return unavailable("Python has ended");
  bin_->empty();
  gil_batches_.add();
  std::vector<InputArray> arrays;
  Status status;
  try {
    status = call(inputs, arrays, outputs);
  } catch (const py::error_already_set& error) {
    status = told_in_the_log(error);
  } catch (const std::bad_alloc&) {
    status = resource_exhausted("there is no memory for this batch");
  } catch (const std::exception& exception) {
    status = internal_error(concat("the model's function failed: ", exception.what()));
  }
  if (std::ranges::any_of(arrays, [](const InputArray& input) { return input.array.ref_count() > 1; })) {
    PyGC_Collect();  // what only a cycle of garbage holds is not kept
  }
  for (const InputArray& input : arrays) {
    if (take_back(input.array) || !status.ok()) continue;
    status = internal_error(concat("the model's function kept the array of input ", quoted(input.spec->name),
                                   ": its memory is the request's, and must be copied where it is needed longer"));
  }
  return status;
}

Status PythonFunction::call(std::span<const TensorView> inputs, std::vector<InputArray>& arrays,
                            std::vector<TensorView>& outputs) {
  py::list arguments(inputs.size());
  for (std::size_t index = 0; index < inputs.size(); ++index) {
    if (inputs[index].name.empty()) {
      arguments[index] = py::none();
      continue;
    }
    arrays.push_back({&signature_.inputs[index], view_as_array(inputs[index])});
    arguments[index] = arrays.back().array;
  }
  return take_outputs(callable_(std::move(arguments)), inputs, outputs);
}

Status PythonFunction::take_outputs(const py::object& given, std::span<const TensorView> inputs,
                                    std::vector<TensorView>& outputs) {
  if (!py::isinstance<py::sequence>(given) || py::isinstance<py::array>(given) || py::isinstance<py::str>(given)) {
    return internal_error(
        concat("the model's function gave a ", Py_TYPE(given.ptr())->tp_name, ", expected a sequence of arrays"));
  }
  const auto sequence = given.cast<py::sequence>();
  if (sequence.size() != signature_.outputs.size()) {
    return internal_error(
        concat("the model's function gave ", sequence.size(), " outputs, expected ", signature_.outputs.size()));
  }
  auto held = std::make_shared<HeldReferences>(bin_);
  for (std::size_t index = 0; index < sequence.size(); ++index) {
    bool copied = false;
    Result<TensorView> output = tensor_of(signature_.outputs[index], sequence[index], inputs, *held, copied);
    if (!output.ok()) return std::move(output).status();
    if (copied) copied_outputs_.add();
    outputs.push_back(*output);
  }
  outputs_ = std::move(held);
  return {};
}

std::vector<EngineCounter> PythonFunction::counters() const {
  return {{"gil_batches", gil_batches_.value()}, {"copied_outputs", copied_outputs_.value()}};
}

}  // namespace pyserver
