#include <array>

#include "codec/predict_codec.h"
#include "codec/response_encoding.h"

namespace pyserver {
namespace {

// PredictResponse
constexpr std::uint32_t kModel = 1, kVersion = 2, kId = 3, kOutputs = 4, kLedger = 5;
// PredictStreamResponse
constexpr std::uint32_t kStreamId = 1, kResponse = 2, kError = 3;
// PredictError
constexpr std::uint32_t kCode = 1, kMessage = 2;
// An entry of a map
constexpr std::uint32_t kKey = 1, kValue = 2;
// Tensor
constexpr std::uint32_t kDatatype = 1, kShape = 2, kRaw = 3, kElements = 4;
// BytesElements
constexpr std::uint32_t kValues = 1;
// Ledger
constexpr std::uint32_t kLedgerFields = 9;

constexpr std::size_t kMaxLedgerSize = bytes_size(kLedger, kLedgerFields*(tag_size(1) + kMaxVarintSize));

std::array<std::uint64_t, kLedgerFields> in_field_order(const Ledger& ledger) noexcept {
  return {ledger.receive_us, ledger.decode_us,      ledger.queue_us,  ledger.batch_us,  ledger.preprocess_us,
          ledger.execute_us, ledger.postprocess_us, ledger.encode_us, ledger.batch_size};
}

void write_ledger(WireWriter& writer, const Ledger& ledger) noexcept {
  const auto values = in_field_order(ledger);
  std::size_t size = 0;
  for (std::uint32_t i = 0; i < kLedgerFields; ++i) size += scalar_size(i + 1, values[i]);
  writer.begin_message(kLedger, size);
  for (std::uint32_t i = 0; i < kLedgerFields; ++i) writer.scalar(i + 1, values[i]);
}

// The lengths of the messages around one output.
struct OutputSizes {
  std::size_t elements = 0;
  std::size_t tensor = 0;
  std::size_t entry = 0;
};

OutputSizes measure(const TensorView& output) noexcept {
  OutputSizes sizes;
  sizes.tensor = scalar_size(kDatatype, static_cast<std::uint64_t>(output.datatype)) +
                 packed_size(kShape, output.shape.dimensions());
  if (output.datatype == Datatype::kBytes) {
    sizes.elements = bytes_elements_size(kValues, output);
    sizes.tensor += bytes_size(kElements, sizes.elements);
  } else if (!output.bytes.empty()) {
    sizes.tensor += bytes_size(kRaw, output.bytes.size());
  }
  sizes.entry = text_size(kKey, output.name) + bytes_size(kValue, sizes.tensor);
  return sizes;
}

void write_output(WireWriter& writer, const TensorView& output, const Loan& loan) {
  const OutputSizes sizes = measure(output);
  writer.begin_message(kOutputs, sizes.entry);
  writer.text(kKey, output.name);
  writer.begin_message(kValue, sizes.tensor);
  writer.scalar(kDatatype, static_cast<std::uint64_t>(output.datatype));
  writer.packed(kShape, output.shape.dimensions());
  if (output.datatype == Datatype::kBytes) {
    writer.begin_message(kElements, sizes.elements);
    write_bytes_elements(writer, kValues, output);
  } else if (!output.bytes.empty()) {
    writer.contents(kRaw, output.bytes, loan);
  }
}

// Of the response without its ledger.
std::size_t response_size(const ResponseHead& head, std::span<const TensorView> outputs) noexcept {
  std::size_t size =
      text_size(kModel, head.model) + scalar_size(kVersion, wire_int(head.version)) + text_size(kId, head.id);
  for (const TensorView& output : outputs) size += bytes_size(kOutputs, measure(output).entry);
  return size;
}

// How many bytes of that are lent.
std::size_t lent_size(std::span<const TensorView> outputs, const Loan& loan) noexcept {
  std::size_t size = 0;
  for (const TensorView& output : outputs) {
    if (output.datatype != Datatype::kBytes && loan.covers(output.bytes)) size += output.bytes.size();
  }
  return size;
}

void write_response(WireWriter& writer, const ResponseHead& head, std::span<const TensorView> outputs,
                    const Loan& loan) {
  writer.text(kModel, head.model);
  writer.scalar(kVersion, wire_int(head.version));
  writer.text(kId, head.id);
  for (const TensorView& output : outputs) write_output(writer, output, loan);
}

}  // namespace

Result<Message> encode_predict_response(const ResponseHead& head, std::span<const TensorView> outputs,
                                        const std::function<Ledger()>& ledger, const Loan& loan, BufferPool& pool) {
  PYSERVER_RETURN_IF_ERROR(check_outputs(head.model, outputs));
  const std::size_t size = response_size(head, outputs) - lent_size(outputs, loan);
  Result<Buffer> buffer = pool.take(size + (ledger ? kMaxLedgerSize : 0));
  if (!buffer.ok()) return std::move(buffer).status();
  WireWriter writer(buffer->bytes());
  write_response(writer, head, outputs, loan);
  if (ledger) write_ledger(writer, ledger());
  return finished(writer, *std::move(buffer), loan);
}

Result<Message> encode_predict_stream_response(const ResponseHead& head, std::span<const TensorView> outputs,
                                               const std::function<Ledger()>& ledger, const Loan& loan,
                                               BufferPool& pool) {
  PYSERVER_RETURN_IF_ERROR(check_outputs(head.model, outputs));
  const std::size_t size = response_size(head, outputs);
  const std::size_t lent = lent_size(outputs, loan);
  const std::size_t id_size = text_size(kStreamId, head.id);
  if (!ledger) {
    Result<Buffer> buffer = pool.take(id_size + bytes_size(kResponse, size) - lent);
    if (!buffer.ok()) return std::move(buffer).status();
    WireWriter writer(buffer->bytes());
    writer.text(kStreamId, head.id);
    writer.begin_message(kResponse, size);
    write_response(writer, head, outputs, loan);
    return finished(writer, *std::move(buffer), loan);
  }
  // The ledger is known only when all else is written, and with it the length that stands in front of all.
  Result<Buffer> buffer =
      pool.take(id_size + tag_size(kResponse) + WireWriter::kPaddedLengthSize + size - lent + kMaxLedgerSize);
  if (!buffer.ok()) return std::move(buffer).status();
  WireWriter writer(buffer->bytes());
  writer.text(kStreamId, head.id);
  writer.varint(bytes_tag(kResponse));
  const std::size_t length = writer.reserve_length();
  const std::size_t begin = writer.written();
  write_response(writer, head, outputs, loan);
  write_ledger(writer, ledger());
  writer.patch_length(length, writer.written() - begin + lent);
  return finished(writer, *std::move(buffer), loan);
}

Result<Buffer> encode_predict_stream_error(std::string_view id, const Status& status, BufferPool& pool) {
  const auto code = static_cast<std::uint64_t>(status.code());
  const std::string message = sendable_message(status);
  const std::size_t error_size = scalar_size(kCode, code) + text_size(kMessage, message);
  Result<Buffer> buffer = pool.take(text_size(kStreamId, id) + bytes_size(kError, error_size));
  if (!buffer.ok()) return buffer;
  WireWriter writer(buffer->bytes());
  writer.text(kStreamId, id);
  writer.begin_message(kError, error_size);
  writer.scalar(kCode, code);
  writer.text(kMessage, message);
  return buffer;
}

}  // namespace pyserver
