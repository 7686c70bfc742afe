#include <charconv>
#include <memory_resource>

#include "base/text.h"
#include "codec/open_inference_codec.h"
#include "codec/open_inference_contents.h"
#include "codec/open_inference_parameters.h"
#include "codec/open_inference_shared_memory.h"
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

constexpr std::string_view kClassification = "classification";

// Reads the message twice: first what stands at its top, so that errors can name the model and the containers get their
// size at once; then the tensors.
class ModelInferDecoder {
 public:
  ModelInferDecoder(TimePoint now, BufferPool& pool, Request& request, const RegionTable* regions)
      : now_(now), pool_(pool), request_(request), regions_(regions) {}

  Status decode(const WireReader& message);

 private:
  Status read_top(WireReader message);
  Status read_version();
  Status read_tensors(WireReader message);
  Status read_input(WireReader message, std::size_t index);
  Status read_input_fields(WireReader& message, TensorView& tensor);
  Status read_output(WireReader message);
  Status want_classes(const std::optional<ParameterValue>& classification);
  Status want_in_shared_memory(const SharedMemoryParameters& shared);
  Status wrong_raw_contents() const;
  Status check_raw_contents(WireReader message);
  Status read_shared_inputs();
  bool in_shared_memory(std::size_t input) const noexcept {
    return !input_places_.empty() && input_places_[input].region != nullptr;
  }

  const TimePoint now_;
  BufferPool& pool_;
  Request& request_;
  const RegionTable* const regions_;
  std::string_view version_;
  RequestParameters parameters_;
  std::size_t inputs_ = 0;
  std::size_t outputs_ = 0;
  std::size_t raw_contents_ = 0;
  // Of the input that is being read.
  TypedContents typed_{&request_.arena};
  SharedMemoryParameters shared_;
  // One for each input, as request.output_places; empty where none lies in shared memory.
  std::pmr::vector<SharedPlace> input_places_{&request_.arena};
  std::size_t shared_inputs_ = 0;
};

Status ModelInferDecoder::decode(const WireReader& message) {
  PYSERVER_RETURN_IF_ERROR(read_top(message));
  if (request_.model.empty()) return invalid_argument("expected the name of a model, got none");
  PYSERVER_RETURN_IF_ERROR(read_version());
  PYSERVER_RETURN_IF_ERROR(parameters_.apply(now_, request_));
  PYSERVER_RETURN_IF_ERROR(check_tensor_counts(inputs_, outputs_));
  if (raw_contents_ > inputs_) return wrong_raw_contents();
  request_.inputs.resize(inputs_);
  request_.wanted_outputs.reserve(outputs_);
  PYSERVER_RETURN_IF_ERROR(read_tensors(message));
  request_.wants_typed_contents = shared_inputs_ < inputs_ && raw_contents_ == 0;
  if (raw_contents_ != 0) PYSERVER_RETURN_IF_ERROR(check_raw_contents(message));
  PYSERVER_RETURN_IF_ERROR(check_inputs_differ(request_.inputs));
  PYSERVER_RETURN_IF_ERROR(check_outputs_differ(request_.wanted_outputs));
  return shared_inputs_ == 0 ? Status() : read_shared_inputs();
}

Status ModelInferDecoder::wrong_raw_contents() const {
  return invalid_argument(concat("expected ", inputs_ - shared_inputs_, " raw_input_contents, one for each input",
                                 shared_inputs_ == 0 ? "" : " that is not in shared memory", ", got ", raw_contents_));
}

// read_tensors() has given them to the inputs in order; inputs in shared memory have none.
Status ModelInferDecoder::check_raw_contents(WireReader message) {
  if (raw_contents_ != inputs_ - shared_inputs_) return wrong_raw_contents();
  if (shared_inputs_ != 0) {
    std::size_t input = 0;
    WireField field;
    while (message.next(field)) {
      if (field.tag != bytes_tag(kRawContents)) continue;
      while (in_shared_memory(input)) ++input;
      request_.inputs[input++].bytes = field.bytes;
    }
  }
  for (std::size_t index = 0; index < inputs_; ++index) {
    const TensorView& tensor = request_.inputs[index];
    if (in_shared_memory(index)) continue;
    if (Status status = check_contents(tensor); !status.ok()) return about_input(tensor.name, status);
  }
  return {};
}

// Last of all: what can be refused without copying is.
Status ModelInferDecoder::read_shared_inputs() {
  for (std::size_t index = 0; index < inputs_; ++index) {
    if (!in_shared_memory(index)) continue;
    TensorView& tensor = request_.inputs[index];
    tensor.bytes = {};
    if (Status status = read_shared_input(input_places_[index], pool_, request_, tensor); !status.ok()) {
      return about_input(tensor.name, status);
    }
  }
  return {};
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
      const std::size_t index = input++;
      if (Status status = read_input(WireReader(field, message), index); !status.ok()) {
        return about_input(request_.inputs[index].name, status);
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
        shared_.add(parameter);
        break;
      case bytes_tag(kContents): PYSERVER_RETURN_IF_ERROR(typed_.add(WireReader(field, message))); break;
      default: break;
    }
  }
  PYSERVER_RETURN_IF_ERROR(message.status());
  const auto datatype = datatype_from_name(datatype_name);
  if (!datatype) return invalid_argument(concat("expected a datatype such as 'FP32', got ", quoted(datatype_name)));
  tensor.datatype = *datatype;
  return shape.finish(tensor.shape);
}

Status ModelInferDecoder::read_input(WireReader message, std::size_t index) {
  TensorView& tensor = request_.inputs[index];
  typed_.clear();
  shared_ = {};
  PYSERVER_RETURN_IF_ERROR(read_input_fields(message, tensor));
  if (shared_.present()) {
    Result<SharedPlace> place = shared_.find(regions_);
    if (!place.ok()) return std::move(place).status();
    if (!typed_.empty()) return invalid_argument("expected contents either in shared memory or typed, got both");
    input_places_.resize(inputs_);
    input_places_[index] = *std::move(place);
    ++shared_inputs_;
    return {};
  }
  if (raw_contents_ == 0) return typed_.convert(pool_, request_, tensor);
  if (typed_.empty()) return {};
  return invalid_argument("expected contents either in raw_input_contents or typed, got both raw and typed contents");
}

Status ModelInferDecoder::read_output(WireReader message) {
  std::string_view name;
  std::optional<ParameterValue> classification;
  SharedMemoryParameters shared;
  Parameter parameter;
  WireField field;
  while (message.next(field)) {
    if (field.tag == bytes_tag(kName)) {
      message.text(field, name);
    } else if (field.tag == bytes_tag(kOutputParameters)) {
      PYSERVER_RETURN_IF_ERROR(read_parameter(WireReader(field, message), parameter));
      if (parameter.key == kClassification) classification = parameter.value;
      shared.add(parameter);
    }
  }
  PYSERVER_RETURN_IF_ERROR(message.status());
  request_.wanted_outputs.push_back(name);
  Status status = want_classes(classification);
  if (status.ok() && shared.present()) status = want_in_shared_memory(shared);
  return status.ok() ? Status() : Status(status.code(), concat("output ", quoted(name), ": ", status.message()));
}

// Of the last of the wanted outputs, as the next.
Status ModelInferDecoder::want_classes(const std::optional<ParameterValue>& classification) {
  std::uint64_t classes = 0;
  if (classification) {
    PYSERVER_RETURN_IF_ERROR(read_whole_number(kClassification, *classification, UINT32_MAX, classes));
  }
  if (classes == 0) return {};
  request_.wanted_classes.resize(outputs_);
  request_.wanted_classes[request_.wanted_outputs.size() - 1] = static_cast<std::uint32_t>(classes);
  return {};
}

Status ModelInferDecoder::want_in_shared_memory(const SharedMemoryParameters& shared) {
  const std::size_t index = request_.wanted_outputs.size() - 1;
  Result<SharedPlace> place = shared.find(regions_);
  if (!place.ok()) return std::move(place).status();
  if (!request_.wanted_classes.empty() && request_.wanted_classes[index] != 0) {
    return invalid_argument("expected classes in the answer or the tensor in shared memory, got a wish for both");
  }
  request_.output_places.resize(outputs_);
  request_.output_places[index] = *std::move(place);
  return {};
}

}  // namespace

Status decode_model_infer_request(std::span<const std::byte> bytes, TimePoint now, BufferPool& pool, Request& request,
                                  const RegionTable* regions) {
  const Status status = ModelInferDecoder(now, pool, request, regions).decode(WireReader(bytes));
  return status.ok() ? Status() : about_model(request.model, status);
}

}  // namespace pyserver
