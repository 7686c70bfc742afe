#include "loadgen/answer_fields.h"

#include "codec/wire_reader.h"

namespace pyserver::loadgen {
namespace {

// Field numbers of pyserver/v1/predict.proto.
namespace predict {
constexpr std::uint32_t kLedger = 5;
constexpr std::uint32_t kStreamId = 1, kStreamResponse = 2, kStreamError = 3;
constexpr std::uint32_t kErrorCode = 1, kErrorMessage = 2;
}  // namespace predict

// Of proto/pyserver/open_inference/open_inference.proto.
namespace open_inference {
constexpr std::uint32_t kErrorMessage = 1, kInferResponse = 2;
constexpr std::uint32_t kId = 3;
}  // namespace open_inference

std::string_view text_of(const WireField& field) {
  return {reinterpret_cast<const char*>(field.bytes.data()), field.bytes.size()};
}

Ledger ledger_in(std::span<const std::byte> bytes) noexcept {
  Ledger ledger;
  WireReader reader(bytes);
  WireField field;
  while (reader.next(field)) {
    switch (field.tag) {
      case varint_tag(1): ledger.receive_us = field.number; break;
      case varint_tag(2): ledger.decode_us = field.number; break;
      case varint_tag(3): ledger.queue_us = field.number; break;
      case varint_tag(4): ledger.batch_us = field.number; break;
      case varint_tag(5): ledger.preprocess_us = field.number; break;
      case varint_tag(6): ledger.execute_us = field.number; break;
      case varint_tag(7): ledger.postprocess_us = field.number; break;
      case varint_tag(8): ledger.encode_us = field.number; break;
      case varint_tag(9): ledger.batch_size = static_cast<std::uint32_t>(field.number); break;
      default: break;
    }
  }
  return ledger;
}

void read_predict_error(WireReader reader, StreamAnswer& answer) {
  answer.error = ErrorKind::grpc(StatusCode::kUnknown);
  WireField field;
  while (reader.next(field)) {
    if (field.tag == varint_tag(predict::kErrorCode)) {
      answer.error = error_of_grpc_status(static_cast<std::uint32_t>(field.number));
    }
    if (field.tag == bytes_tag(predict::kErrorMessage)) answer.sentence = text_of(field);
  }
}

void read_predict_answer(WireReader& reader, StreamAnswer& answer) {
  WireField field;
  while (reader.next(field)) {
    switch (field.tag) {
      case bytes_tag(predict::kStreamId): answer.id = text_of(field); break;
      case bytes_tag(predict::kStreamResponse): answer.response = field.bytes; break;
      case bytes_tag(predict::kStreamError): read_predict_error(WireReader(field, reader), answer); break;
      default: break;
    }
  }
}

void read_open_inference_answer(WireReader& reader, StreamAnswer& answer) {
  WireField field;
  while (reader.next(field)) {
    if (field.tag == bytes_tag(open_inference::kErrorMessage) && !field.bytes.empty()) {
      answer.error = ErrorKind::grpc(StatusCode::kUnknown);  // the protocol has no code here
      answer.sentence = text_of(field);
    } else if (field.tag == bytes_tag(open_inference::kInferResponse)) {
      answer.response = field.bytes;
      WireReader response(field, reader);
      WireField part;
      while (response.next(part)) {
        if (part.tag == bytes_tag(open_inference::kId)) answer.id = text_of(part);
      }
    }
  }
}

}  // namespace

std::optional<Ledger> read_ledger(std::span<const std::byte> message) noexcept {
  WireReader reader(message);
  WireField field;
  while (reader.next(field)) {
    if (field.tag == bytes_tag(predict::kLedger)) return ledger_in(field.bytes);
  }
  return std::nullopt;
}

Result<StreamAnswer> read_stream_answer(IdReader id_reader, std::span<const std::byte> message) {
  StreamAnswer answer;
  WireReader reader(message);
  switch (id_reader) {
    case IdReader::kNone: answer.response = message; return answer;
    case IdReader::kPredict: read_predict_answer(reader, answer); break;
    case IdReader::kOpenInference: read_open_inference_answer(reader, answer); break;
  }
  if (!reader.ok()) return reader.status();
  return answer;
}

}  // namespace pyserver::loadgen
