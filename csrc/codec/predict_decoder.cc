#include <memory_resource>
#include <vector>

#include "base/text.h"
#include "codec/predict_codec.h"
#include "codec/request_decoding.h"
#include "codec/wire_reader.h"

namespace pyserver {
namespace {

// PredictRequest
constexpr std::uint32_t kModel = 1, kVersion = 2, kId = 3, kInputs = 4, kOutputs = 5, kPriority = 6, kReturnLedger = 7;
// PredictStreamRequest
constexpr std::uint32_t kStreamRequest = 1;
// An entry of a map
constexpr std::uint32_t kKey = 1, kValue = 2;
// Tensor
constexpr std::uint32_t kDatatype = 1, kShape = 2, kRaw = 3, kElements = 4;
// BytesElements
constexpr std::uint32_t kValues = 1;

// Reads the message twice: first what stands at its top, so that errors can name the model and the containers get their
// size at once; then the tensors.
class PredictDecoder {
 public:
  PredictDecoder(BufferPool& pool, Request& request) : pool_(pool), request_(request) {}

  Status decode(WireReader message, bool in_stream);

 private:
  // A Tensor, from all of its occurrences.
  struct TensorFields {
    std::uint32_t datatype = 0;
    ShapeFields shape;
    std::uint32_t contents = 0;  // kRaw, kElements, or 0 for none
    std::span<const std::byte> raw;
    std::size_t element_count = 0;
    std::size_t element_bytes = 0;
  };

  // Calls `read` with each piece of the PredictRequest: a message that holds it in several occurrences holds their sum.
  template <typename Read>
  static Status each_request(WireReader message, bool in_stream, Read&& read);
  Status read_top(WireReader& message);
  Status read_tensors(WireReader& message);
  Status read_input(WireReader entry);
  Status read_tensor(WireReader message, TensorFields& fields);
  Status read_elements(WireReader message, TensorFields& fields);
  Status finish_input(const TensorFields& fields, TensorView& tensor);

  BufferPool& pool_;
  Request& request_;
  std::size_t inputs_ = 0;
  std::size_t outputs_ = 0;
  // The BytesElements messages of the tensor that is being read.
  std::pmr::vector<WireReader> elements_{&request_.arena};
};

template <typename Read>
Status PredictDecoder::each_request(WireReader message, bool in_stream, Read&& read) {
  if (!in_stream) return read(message);
  WireField field;
  while (message.next(field)) {
    if (field.tag != bytes_tag(kStreamRequest)) continue;
    WireReader request(field, message);
    PYSERVER_RETURN_IF_ERROR(read(request));
  }
  return message.status();
}

Status PredictDecoder::decode(WireReader message, bool in_stream) {
  PYSERVER_RETURN_IF_ERROR(each_request(message, in_stream, [this](WireReader& request) { return read_top(request); }));
  if (request_.model.empty()) return invalid_argument("expected the name of a model, got none");
  if (request_.version < 0) {
    return invalid_argument(concat("expected a version of 1 or more, or 0 for the default, got ", request_.version));
  }
  PYSERVER_RETURN_IF_ERROR(check_tensor_counts(inputs_, outputs_));
  request_.inputs.reserve(inputs_);
  request_.wanted_outputs.reserve(outputs_);
  PYSERVER_RETURN_IF_ERROR(
      each_request(message, in_stream, [this](WireReader& request) { return read_tensors(request); }));
  PYSERVER_RETURN_IF_ERROR(check_inputs_differ(request_.inputs));
  return check_outputs_differ(request_.wanted_outputs);
}

Status PredictDecoder::read_top(WireReader& message) {
  WireField field;
  while (message.next(field)) {
    switch (field.tag) {
      case bytes_tag(kModel): message.text(field, request_.model); break;
      case varint_tag(kVersion): request_.version = static_cast<std::int64_t>(field.number); break;
      case bytes_tag(kId): message.text(field, request_.id); break;
      case bytes_tag(kInputs): ++inputs_; break;
      case bytes_tag(kOutputs): ++outputs_; break;
      case varint_tag(kPriority): request_.priority = static_cast<std::uint32_t>(field.number); break;
      case varint_tag(kReturnLedger): request_.wants_ledger = field.number != 0; break;
      default: break;
    }
  }
  return message.status();
}

Status PredictDecoder::read_tensors(WireReader& message) {
  WireField field;
  while (message.next(field)) {
    if (field.tag == bytes_tag(kInputs)) {
      PYSERVER_RETURN_IF_ERROR(read_input(WireReader(field, message)));
    } else if (field.tag == bytes_tag(kOutputs)) {
      std::string_view name;
      if (message.text(field, name)) request_.wanted_outputs.push_back(name);
    }
  }
  return message.status();
}

Status PredictDecoder::read_input(WireReader entry) {
  TensorView& tensor = request_.inputs.emplace_back();
  TensorFields fields;
  elements_.clear();
  WireField field;
  while (entry.next(field)) {
    if (field.tag == bytes_tag(kKey)) {
      entry.text(field, tensor.name);
    } else if (field.tag == bytes_tag(kValue)) {
      if (Status status = read_tensor(WireReader(field, entry), fields); !status.ok()) {
        return about_input(tensor.name, status);
      }
    }
  }
  Status status = entry.status();
  if (status.ok()) status = finish_input(fields, tensor);
  return status.ok() ? Status() : about_input(tensor.name, status);
}

Status PredictDecoder::read_tensor(WireReader message, TensorFields& fields) {
  WireField field;
  while (message.next(field)) {
    switch (field.tag) {
      case varint_tag(kDatatype): fields.datatype = static_cast<std::uint32_t>(field.number); break;
      case varint_tag(kShape):
      case bytes_tag(kShape): fields.shape.add(message, field); break;
      case bytes_tag(kRaw):
        fields.contents = kRaw;
        fields.raw = field.bytes;
        break;
      case bytes_tag(kElements):
        // Elements after raw begin anew; elements after elements go on.
        if (fields.contents != kElements) {
          fields.contents = kElements;
          fields.element_count = fields.element_bytes = 0;
          elements_.clear();
        }
        PYSERVER_RETURN_IF_ERROR(read_elements(WireReader(field, message), fields));
        break;
      default: break;
    }
  }
  return message.status();
}

Status PredictDecoder::read_elements(WireReader message, TensorFields& fields) {
  PYSERVER_RETURN_IF_ERROR(add_contents_piece(elements_, message));
  WireField field;
  while (message.next(field)) {
    if (field.tag != bytes_tag(kValues)) continue;
    ++fields.element_count;
    fields.element_bytes += field.bytes.size();
  }
  return message.status();
}

Status PredictDecoder::finish_input(const TensorFields& fields, TensorView& tensor) {
  const auto datatype = datatype_from_number(fields.datatype);
  if (!datatype) {
    return invalid_argument(concat("expected a datatype of 1 to 14, got ", static_cast<std::int32_t>(fields.datatype)));
  }
  tensor.datatype = *datatype;
  PYSERVER_RETURN_IF_ERROR(fields.shape.finish(tensor.shape));
  if (fields.contents != kElements) {
    tensor.bytes = fields.raw;
    return check_contents(tensor);
  }
  if (*datatype != Datatype::kBytes) {
    return invalid_argument(concat("expected raw contents for ", name_of(*datatype), ", got elements"));
  }
  return pack_bytes_elements({elements_, kValues, fields.element_count, fields.element_bytes}, pool_, request_, tensor);
}

Status decode(std::span<const std::byte> bytes, bool in_stream, BufferPool& pool, Request& request) {
  const Status status = PredictDecoder(pool, request).decode(WireReader(bytes), in_stream);
  return status.ok() ? Status() : about_model(request.model, status);
}

}  // namespace

Status decode_predict_request(std::span<const std::byte> bytes, BufferPool& pool, Request& request) {
  return decode(bytes, false, pool, request);
}

Status decode_predict_stream_request(std::span<const std::byte> bytes, BufferPool& pool, Request& request) {
  return decode(bytes, true, pool, request);
}

}  // namespace pyserver
