// Whatever bytes come as a PredictRequest: nothing is read out of bounds, and what is accepted is what protobuf reads.
#include "codec/predict_codec.h"
#include "fuzz/agreement.h"
#include "pyserver/v1/predict.pb.h"

namespace pyserver::fuzz {
namespace {

// Elements as raw contents: each its length in four bytes and its data.
std::string contents_of(const v1::Tensor& tensor) {
  if (!tensor.has_elements()) return tensor.raw();
  std::string packed;
  for (const std::string& element : tensor.elements().values()) {
    const auto length = static_cast<std::uint32_t>(element.size());
    packed.append(reinterpret_cast<const char*>(&length), sizeof length);
    packed.append(element);
  }
  return packed;
}

void compare(const Request& request, const v1::PredictRequest& message) {
  require(request.model == message.model(), "model");
  require(request.version == message.version(), "version");
  require(request.id == message.id(), "id");
  require(request.priority == message.priority(), "priority");
  require(request.wants_ledger == message.return_ledger(), "return_ledger");
  require(std::ranges::equal(request.wanted_outputs, message.outputs()), "outputs");
  require(request.inputs.size() == message.inputs().size(), "number of inputs");
  for (const TensorView& input : request.inputs) {
    const auto found = message.inputs().find(std::string(input.name));
    require(found != message.inputs().end(), "name of an input");
    const v1::Tensor& tensor = found->second;
    require(static_cast<int>(input.datatype) == tensor.datatype(), "datatype");
    require(input.shape.rank() == static_cast<std::size_t>(tensor.shape_size()), "rank");
    for (int axis = 0; axis < tensor.shape_size(); ++axis) {
      require(input.shape[static_cast<std::size_t>(axis)] == tensor.shape(axis), "shape");
    }
    require(text_of(input.bytes) == contents_of(tensor), "contents");
    require(check_contents(input).ok(), "contents fit the shape");
  }
}

int run(std::span<const std::byte> bytes) {
  static HostAllocator allocator;
  static const std::shared_ptr<BufferPool> pool = BufferPool::create(allocator);
  Request request;
  const Status status = decode_predict_request(bytes, *pool, request);
  v1::PredictRequest message;
  const bool parsed = message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  if (status.ok()) {
    require(parsed, "protobuf refuses what the decoder takes");
    compare(request, message);
  } else {
    require(status.code() == StatusCode::kInvalidArgument, "code of a refusal");
    require(!status.message().empty(), "a refusal has a sentence");
  }
  return 0;
}

}  // namespace
}  // namespace pyserver::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pyserver::fuzz::run({reinterpret_cast<const std::byte*>(data), size});
}
