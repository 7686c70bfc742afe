// Whatever bytes come as a ModelInferRequest: nothing is read out of bounds, and what is accepted is what protobuf
// reads, typed contents converted as their datatype says.
#include "codec/open_inference_codec.h"
#include "fuzz/agreement.h"
#include "pyserver/open_inference/open_inference.pb.h"

namespace pyserver::fuzz {
namespace {

template <typename To, typename Values>
std::string converted(const Values& values) {
  std::string out;
  for (const auto value : values) {
    const To element = static_cast<To>(value);
    require(static_cast<std::remove_cvref_t<decltype(value)>>(element) == value || value != value,
            "an element out of range is refused");
    out.append(reinterpret_cast<const char*>(&element), sizeof element);
  }
  return out;
}

std::string packed(const google::protobuf::RepeatedPtrField<std::string>& elements) {
  std::string out;
  for (const std::string& element : elements) {
    const auto length = static_cast<std::uint32_t>(element.size());
    out.append(reinterpret_cast<const char*>(&length), sizeof length);
    out.append(element);
  }
  return out;
}

std::string typed_contents(Datatype datatype, const inference::InferTensorContents& contents) {
  switch (datatype) {
    case Datatype::kBool: return converted<std::uint8_t>(contents.bool_contents());
    case Datatype::kInt8: return converted<std::int8_t>(contents.int_contents());
    case Datatype::kInt16: return converted<std::int16_t>(contents.int_contents());
    case Datatype::kInt32: return converted<std::int32_t>(contents.int_contents());
    case Datatype::kInt64: return converted<std::int64_t>(contents.int64_contents());
    case Datatype::kUint8: return converted<std::uint8_t>(contents.uint_contents());
    case Datatype::kUint16: return converted<std::uint16_t>(contents.uint_contents());
    case Datatype::kUint32: return converted<std::uint32_t>(contents.uint_contents());
    case Datatype::kUint64: return converted<std::uint64_t>(contents.uint64_contents());
    case Datatype::kFp32: return converted<float>(contents.fp32_contents());
    case Datatype::kFp64: return converted<double>(contents.fp64_contents());
    case Datatype::kBytes: return packed(contents.bytes_contents());
    case Datatype::kFp16:
    case Datatype::kBf16: return "";
  }
  return "";
}

void compare_input(const TensorView& input, const inference::ModelInferRequest& message, int index) {
  const auto& tensor = message.inputs(index);
  require(input.name == tensor.name(), "name of an input");
  require(name_of(input.datatype) == tensor.datatype(), "datatype");
  require(input.shape.rank() == static_cast<std::size_t>(tensor.shape_size()), "rank");
  for (int axis = 0; axis < tensor.shape_size(); ++axis) {
    require(input.shape[static_cast<std::size_t>(axis)] == tensor.shape(axis), "shape");
  }
  require(check_contents(input).ok(), "contents fit the shape");
  const bool raw = message.raw_input_contents_size() != 0;
  const std::string expected =
      raw ? message.raw_input_contents(index) : typed_contents(input.datatype, tensor.contents());
  require(text_of(input.bytes) == expected, "contents");
}

void compare(const Request& request, const inference::ModelInferRequest& message) {
  require(request.model == message.model_name(), "model_name");
  require((request.version == 0 ? "" : std::to_string(request.version)) == message.model_version() ||
              std::stoll("0" + message.model_version()) == request.version,
          "model_version");
  require(request.id == message.id(), "id");
  require(request.wanted_outputs.size() == static_cast<std::size_t>(message.outputs_size()), "number of outputs");
  for (int index = 0; index < message.outputs_size(); ++index) {
    require(request.wanted_outputs[static_cast<std::size_t>(index)] == message.outputs(index).name(), "outputs");
  }
  require(request.inputs.size() == static_cast<std::size_t>(message.inputs_size()), "number of inputs");
  for (int index = 0; index < message.inputs_size(); ++index) {
    compare_input(request.inputs[static_cast<std::size_t>(index)], message, index);
  }
}

int run(std::span<const std::byte> bytes) {
  static HostAllocator allocator;
  static const std::shared_ptr<BufferPool> pool = BufferPool::create(allocator);
  Request request;
  const Status status = decode_model_infer_request(bytes, TimePoint(std::chrono::seconds(1000)), *pool, request);
  inference::ModelInferRequest message;
  const bool parsed = message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  if (status.ok()) {
    require(parsed, "protobuf refuses what the decoder takes");
    compare(request, message);
  } else {
    require(status.code() == StatusCode::kInvalidArgument || status.code() == StatusCode::kUnimplemented ||
                status.code() == StatusCode::kFailedPrecondition,
            "code of a refusal");
    require(!status.message().empty(), "a refusal has a sentence");
  }
  return 0;
}

}  // namespace
}  // namespace pyserver::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pyserver::fuzz::run({reinterpret_cast<const std::byte*>(data), size});
}
