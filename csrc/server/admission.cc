#include "server/admission.h"

#include <algorithm>

#include "base/text.h"

namespace pyserver {
namespace {

std::string names_of(const std::vector<TensorSpec>& specs) {
  std::string text;
  for (const TensorSpec& spec : specs) {
    text += concat(text.empty() ? "" : ", ", quoted(spec.name));
  }
  return text.empty() ? "none" : text;
}

Status check_shape(const ModelSignature& signature, const TensorSpec& spec, const TensorView& tensor) {
  if (!signature.batches()) {
    if (spec.shape.admits(tensor.shape)) return {};
    return invalid_argument(concat("input ", quoted(spec.name), ": expected shape ", to_string(spec.shape), ", got ",
                                   to_string(tensor.shape)));
  }
  const Shape& shape = tensor.shape;
  if (shape.rank() == 0 || !spec.shape.admits(shape.without_front())) {
    return invalid_argument(concat("input ", quoted(spec.name), ": expected shape ",
                                   to_string(spec.shape.with_front(kFreeDimension)), ", got ", to_string(shape)));
  }
  if (shape[0] < 1 || shape[0] > signature.max_batch_size) {
    return invalid_argument(concat("input ", quoted(spec.name), ": expected a batch of 1 to ", signature.max_batch_size,
                                   " rows, got ", shape[0]));
  }
  return {};
}

Status check_input(const ModelSignature& signature, const TensorSpec& spec, const TensorView& tensor) {
  if (tensor.datatype != spec.datatype) {
    return invalid_argument(concat("input ", quoted(spec.name), ": expected datatype ", name_of(spec.datatype),
                                   ", got ", name_of(tensor.datatype)));
  }
  return check_shape(signature, spec, tensor);
}

// Whether `inputs` already are the signature's, one for one: then nothing needs to move.
bool in_order(const ModelSignature& signature, std::span<const TensorView> inputs) {
  return std::ranges::equal(signature.inputs, inputs, {}, &TensorSpec::name, &TensorView::name);
}

// Moves the inputs to their places. Names are unique: the decoder refused duplicates.
Status arrange(const ModelSignature& signature, Request& request) {
  if (in_order(signature, request.inputs)) return {};
  std::pmr::vector<TensorView> arranged(signature.inputs.size(), &request.arena);
  std::pmr::vector<bool> present(signature.inputs.size(), false, &request.arena);
  for (const TensorView& tensor : request.inputs) {
    const int index = signature.input_index(tensor.name);
    if (index < 0) {
      return invalid_argument(
          concat("input ", quoted(tensor.name), " is unknown: expected ", names_of(signature.inputs)));
    }
    arranged[static_cast<std::size_t>(index)] = tensor;
    present[static_cast<std::size_t>(index)] = true;
  }
  for (std::size_t index = 0; index < present.size(); ++index) {
    if (!present[index] && !signature.inputs[index].optional) {
      return invalid_argument(concat("input ", quoted(signature.inputs[index].name), " is missing: expected ",
                                     names_of(signature.inputs), ", got ", request.inputs.size(),
                                     request.inputs.size() == 1 ? " input" : " inputs"));
    }
  }
  request.inputs.swap(arranged);
  return {};
}

Status set_rows(const ModelSignature& signature, Request& request) {
  const TensorView* first = nullptr;
  for (const TensorView& tensor : request.inputs) {
    if (tensor.name.empty()) continue;
    if (first == nullptr) {
      first = &tensor;
      request.rows = tensor.shape[0];
    } else if (tensor.shape[0] != request.rows) {
      return invalid_argument(concat("input ", quoted(tensor.name), ": expected a batch of ", request.rows,
                                     " rows, as input ", quoted(first->name), " has, got ", tensor.shape[0]));
    }
  }
  if (first == nullptr) {
    return invalid_argument(concat("no input at all: expected ", names_of(signature.inputs)));
  }
  return {};
}

Status check_request(const ModelSignature& signature, Request& request) {
  PYSERVER_RETURN_IF_ERROR(arrange(signature, request));
  for (std::size_t index = 0; index < signature.inputs.size(); ++index) {
    // A nameless view stands for an absent optional input.
    if (request.inputs[index].name.empty() && !signature.inputs[index].name.empty()) continue;
    PYSERVER_RETURN_IF_ERROR(check_input(signature, signature.inputs[index], request.inputs[index]));
  }
  if (signature.batches()) PYSERVER_RETURN_IF_ERROR(set_rows(signature, request));
  for (const std::string_view name : request.wanted_outputs) {
    if (signature.output_index(name) < 0) {
      return invalid_argument(concat("output ", quoted(name), " is unknown: expected ", names_of(signature.outputs)));
    }
  }
  return {};
}

}  // namespace

Status admit(const ModelSignature& signature, Request& request) {
  Status status = check_request(signature, request);
  if (status.ok()) return status;
  return {status.code(), concat("model ", quoted(request.model), ": ", status.message())};
}

}  // namespace pyserver
