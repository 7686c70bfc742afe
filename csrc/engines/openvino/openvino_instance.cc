#include "engines/openvino/openvino_instance.h"

#include <new>

#include "base/text.h"
#include "engines/openvino/error_text.h"
#include "engines/openvino/model_ports.h"

namespace pyserver {

OpenVinoInstance::OpenVinoInstance(ov::CompiledModel& model, int threads, const ModelSignature& signature,
                                   ShapeGuard& guard)
    : signature_(signature),
      guard_(guard),
      in_callers_thread_(threads > 1),
      input_shapes_(signature.inputs.size()),
      request_(model.create_infer_request()),
      output_blocks_(model, request_) {
  for (const TensorSpec& input : signature.inputs) input_types_.push_back(element_type_of(input.datatype));
  has_state_ = !request_.query_state().empty();
}

Status OpenVinoInstance::execute(std::span<const TensorView> inputs, std::vector<TensorView>& outputs) {
  if (inputs.size() != signature_.inputs.size()) {
    return internal_error(concat("expected ", signature_.inputs.size(), " inputs, got ", inputs.size()));
  }
  try {
    for (std::size_t index = 0; index < inputs.size(); ++index) {
      if (signature_.batches() && inputs[index].shape[0] == 0) {
        return invalid_argument(concat("input ", pyserver::quoted(signature_.inputs[index].name), " has no rows"));
      }
    }
    PYSERVER_RETURN_IF_ERROR(guard_.check(inputs));
    for (std::size_t index = 0; index < inputs.size(); ++index) set_input(index, inputs[index]);
    output_blocks_.prepare(request_);
    if (has_state_) request_.reset_state();
    infer();
    for (std::size_t index = 0; index < signature_.outputs.size(); ++index) outputs.push_back(output(index));
    return {};
  } catch (const std::bad_alloc&) {
    outputs.clear();
    return resource_exhausted("there is no memory for this batch");
  } catch (const std::exception& exception) {
    outputs.clear();
    return internal_error(concat("OpenVINO failed: ", condensed(exception)));
  }
}

void OpenVinoInstance::infer() {
  if (in_callers_thread_) {
    request_.infer();
    return;
  }
  // With one thread, infer() of OpenVINO 2026.4 returns as if all were well when the shapes inside the model do not
  // fit; on OpenVINO's own thread the exception arrives.
  request_.start_async();
  request_.wait();
}

void OpenVinoInstance::set_input(std::size_t index, const TensorView& input) {
  ov::Shape& shape = input_shapes_[index];
  const auto dimensions = input.shape.dimensions();
  shape.assign(dimensions.begin(), dimensions.end());
  // OpenVINO takes no null pointer, not even for no elements; and though it only reads its inputs, parts of it ask for
  // them by a pointer that is not const.
  static constexpr std::byte kNothing{};
  const std::byte* bytes = input.bytes.empty() ? &kNothing : input.bytes.data();
  request_.set_input_tensor(index, ov::Tensor(input_types_[index], shape, const_cast<std::byte*>(bytes)));
}

TensorView OpenVinoInstance::output(std::size_t index) {
  const ov::Tensor tensor = request_.get_output_tensor(index);
  TensorView view;
  view.name = signature_.outputs[index].name;
  view.datatype = signature_.outputs[index].datatype;
  for (std::size_t dimension : tensor.get_shape()) view.shape.push_back(static_cast<std::int64_t>(dimension));
  if (const std::size_t size = tensor.get_byte_size(); size > 0) {
    view.bytes = {static_cast<const std::byte*>(tensor.data()), size};
  }
  return view;
}

}  // namespace pyserver
