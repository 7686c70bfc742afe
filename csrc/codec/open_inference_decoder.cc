#include <charconv>
#include <memory_resource>

#include "base/text.h"
#include "codec/open_inference_codec.h"
#include "codec/open_inference_contents.h"
#include "codec/open_inference_parameters.h"
#include "codec/request_decoding.h"
#include "codec/wire_reader.h"

namespace pyserver {
namespace {

// ModelInferRequest
constexpr std::uint32_t kModelName = 1, kModelVersion = 2, kId = 3, kParameters = 4, kInputs = 5, kOutputs = 6,
                        kRawContents = 7;
// InferInputTensor
constexpr std::uint32_t kName = 1, kDatatype = 2, kShape = 3, kInputParameters = 4, kContents = 5;
// InferRequestedOutputTensor
constexpr std::uint32_t kOutputParameters = 2;

constexpr std::string_view kSharedMemory = "shared_memory_region";
constexpr std::string_view kClassification = "classification";

Status refuse_shared_memory() {
  return unimplemented(
      "parameter 'shared_memory_region': shared memory is not implemented; tensors travel in the messages");
}

// Reads the message twice: first what stands at its top, so that errors can name the model and the containers get their
// size at once; then the tensors.
class ModelInferDecoder {
 public:
  ModelInferDecoder(TimePoint now, BufferPool& pool, Request& request) : now_(now), pool_(pool), request_(request) {}

  Status decode(const WireReader& message);

 private:
  Status read_top(WireReader message);
  Status read_version();
  Status read_tensors(WireReader message);
  Status read_input(WireReader message, TensorView& tensor);
  Status read_input_fields(WireReader& message, TensorView& tensor);
  Status read_output(WireReader message);

  const TimePoint now_;
  BufferPool& pool_;
  Request& request_;
  std::string_view version_;
  RequestParameters parameters_;
  std::size_t inputs_ = 0;
  std::size_t outputs_ = 0;
  std::size_t raw_contents_ = 0;
  // The typed contents of the input that is being read.
  TypedContents typed_{&request_.arena};
};

Status ModelInferDecoder::decode(const WireReader& message) {
  PYSERVER_RETURN_IF_ERROR(read_top(message));
  if (request_.model.empty()) return invalid_argument("expected the name of a model, got none");
  PYSERVER_RETURN_IF_ERROR(read_version());
  PYSERVER_RETURN_IF_ERROR(parameters_.apply(now_, request_));
  PYSERVER_RETURN_IF_ERROR(check_tensor_counts(inputs_, outputs_));
  if (raw_contents_ != 0 && raw_contents_ != inputs_) {
    return invalid_argument(
        concat("expected ", inputs_, " raw_input_contents, one for each input, got ", raw_contents_));
  }
  request_.inputs.resize(inputs_);
  request_.wanted_outputs.reserve(outputs_);
  request_.wants_typed_contents = inputs_ != 0 && raw_contents_ == 0;
  PYSERVER_RETURN_IF_ERROR(read_tensors(message));
  if (raw_contents_ != 0) {
    for (const TensorView& tensor : request_.inputs) {
      if (Status status = check_contents(tensor); !status.ok()) return about_input(tensor.name, status);
    }
  }
  PYSERVER_RETURN_IF_ERROR(check_inputs_differ(request_.inputs));
  return check_outputs_differ(request_.wanted_outputs);
}

Status ModelInferDecoder::read_top(WireReader message) {
  WireField field;
  while (message.next(field)) {
    switch (field.tag) {
      case bytes_tag(kModelName): message.text(field, request_.model); break;
      case bytes_tag(kModelVersion): message.text(field, version_); break;
      case bytes_tag(kId): message.text(field, request_.id); break;
      case bytes_tag(kParameters): PYSERVER_RETURN_IF_ERROR(parameters_.add(WireReader(field, message))); break;
      case bytes_tag(kInputs): ++inputs_; break;
      case bytes_tag(kOutputs): ++outputs_; break;
      case bytes_tag(kRawContents): ++raw_contents_; break;
      default: break;
    }
  }
  return message.status();
}

Status ModelInferDecoder::read_version() {
  if (version_.empty()) return {};
  const char* const end = version_.data() + version_.size();
  const auto [stop, error] = std::from_chars(version_.data(), end, request_.version);
  if (error == std::errc() && stop == end && request_.version > 0) return {};
  request_.version = 0;
  return invalid_argument(
      concat("expected a version of 1 or more in decimal digits, or none for the default, got ", quoted(version_)));
}

Status ModelInferDecoder::read_tensors(WireReader message) {
  std::size_t input = 0;
  std::size_t raw = 0;
  WireField field;
  while (message.next(field)) {
    if (field.tag == bytes_tag(kInputs)) {
      TensorView& tensor = request_.inputs[input++];
      if (Status status = read_input(WireReader(field, message), tensor); !status.ok()) {
        return about_input(tensor.name, status);
      }
    } else if (field.tag == bytes_tag(kOutputs)) {
      PYSERVER_RETURN_IF_ERROR(read_output(WireReader(field, message)));
    } else if (field.tag == bytes_tag(kRawContents)) {
      request_.inputs[raw++].bytes = field.bytes;
    }
  }
  return message.status();
}

Status ModelInferDecoder::read_input_fields(WireReader& message, TensorView& tensor) {
  ShapeFields shape;
  std::string_view datatype_name;
  bool in_shared_memory = false;
  Parameter parameter;
  WireField field;
  while (message.next(field)) {
    switch (field.tag) {
      case bytes_tag(kName): message.text(field, tensor.name); break;
      case bytes_tag(kDatatype): message.text(field, datatype_name); break;
      case varint_tag(kShape):
      case bytes_tag(kShape): shape.add(message, field); break;
      case bytes_tag(kInputParameters):
        PYSERVER_RETURN_IF_ERROR(read_parameter(WireReader(field, message), parameter));
        in_shared_memory |= parameter.key == kSharedMemory;
        break;
      case bytes_tag(kContents): PYSERVER_RETURN_IF_ERROR(typed_.add(WireReader(field, message))); break;
      default: break;
    }
  }
  PYSERVER_RETURN_IF_ERROR(message.status());
  if (in_shared_memory) return refuse_shared_memory();
  const auto datatype = datatype_from_name(datatype_name);
  if (!datatype) return invalid_argument(concat("expected a datatype such as 'FP32', got ", quoted(datatype_name)));
  tensor.datatype = *datatype;
  return shape.finish(tensor.shape);
}

Status ModelInferDecoder::read_input(WireReader message, TensorView& tensor) {
  typed_.clear();
  PYSERVER_RETURN_IF_ERROR(read_input_fields(message, tensor));
  if (raw_contents_ == 0) return typed_.convert(pool_, request_, tensor);
  if (typed_.empty()) return {};
  return invalid_argument("expected contents either in raw_input_contents or typed, got both raw and typed contents");
}

Status ModelInferDecoder::read_output(WireReader message) {
  std::string_view name;
  bool shared_memory = false;
  std::optional<ParameterValue> classification;
  Parameter parameter;
  WireField field;
  while (message.next(field)) {
    if (field.tag == bytes_tag(kName)) {
      message.text(field, name);
    } else if (field.tag == bytes_tag(kOutputParameters)) {
      PYSERVER_RETURN_IF_ERROR(read_parameter(WireReader(field, message), parameter));
      if (parameter.key == kClassification) classification = parameter.value;
      if (parameter.key == kSharedMemory) shared_memory = true;
    }
  }
  PYSERVER_RETURN_IF_ERROR(message.status());
  request_.wanted_outputs.push_back(name);
  Status status;
  std::uint64_t classes = 0;
  if (classification) status = read_whole_number(kClassification, *classification, UINT32_MAX, classes);
  if (shared_memory) status = refuse_shared_memory();
  if (!status.ok()) return Status(status.code(), concat("output ", quoted(name), ": ", status.message()));
  if (classes > 0) {
    request_.wanted_classes.resize(outputs_);
    request_.wanted_classes[request_.wanted_outputs.size() - 1] = static_cast<std::uint32_t>(classes);
  }
  return {};
}

}  // namespace

Status decode_model_infer_request(std::span<const std::byte> bytes, TimePoint now, BufferPool& pool, Request& request) {
  const Status status = ModelInferDecoder(now, pool, request).decode(WireReader(bytes));
  return status.ok() ? Status() : about_model(request.model, status);
}

}  // namespace pyserver
