#include <algorithm>
#include <array>
#include <charconv>

#include "codec/open_inference_codec.h"
#include "codec/open_inference_contents.h"
#include "codec/open_inference_shared_memory.h"
#include "codec/response_encoding.h"

namespace pyserver {
namespace {

// ModelInferResponse
constexpr std::uint32_t kModelName = 1, kModelVersion = 2, kId = 3, kOutputs = 5, kRawContents = 6;
// InferOutputTensor
constexpr std::uint32_t kName = 1, kDatatype = 2, kShape = 3, kParameters = 4, kContents = 5;
// ModelStreamInferResponse
constexpr std::uint32_t kErrorMessage = 1, kInferResponse = 2;

// A version as the protocol writes it: in decimal digits, and not at all where there is none.
class VersionText {
 public:
  explicit VersionText(std::int64_t version) noexcept {
    if (version == 0) return;
    const auto result = std::to_chars(digits_.data(), digits_.data() + digits_.size(), version);
    size_ = static_cast<std::size_t>(result.ptr - digits_.data());
  }
  std::string_view text() const noexcept { return {digits_.data(), size_}; }

 private:
  std::array<char, 20> digits_;
  std::size_t size_ = 0;
};

// A ModelInferResponse: measured, then written.
class Response {
 public:
  Response(const ResponseHead& head, std::span<const TensorView> outputs, bool typed, const Loan& loan) noexcept
      : head_(head),
        version_(head.version),
        outputs_(outputs),
        loan_(loan),
        // Contents are typed or raw for all outputs alike.
        typed_(typed && std::ranges::all_of(outputs, [](const TensorView& output) {
                 return contents_field_of(output.datatype) != 0;
               })) {}

  std::size_t size() const noexcept {
    std::size_t size =
        text_size(kModelName, head_.model) + text_size(kModelVersion, version_.text()) + text_size(kId, head_.id);
    for (std::size_t index = 0; index < outputs_.size(); ++index) {
      size += bytes_size(kOutputs, measure(index).tensor);
      if (!typed_) size += bytes_size(kRawContents, sent(index).size());
    }
    return size;
  }

  // How many bytes of that are lent.
  std::size_t lent_size() const noexcept {
    std::size_t size = 0;
    for (std::size_t index = 0; index < outputs_.size(); ++index) {
      if (!typed_ && loan_.covers(sent(index))) size += sent(index).size();
    }
    return size;
  }

  void write(WireWriter& writer) const {
    writer.text(kModelName, head_.model);
    writer.text(kModelVersion, version_.text());
    writer.text(kId, head_.id);
    for (std::size_t index = 0; index < outputs_.size(); ++index) write_output(writer, index);
    if (typed_) return;
    for (std::size_t index = 0; index < outputs_.size(); ++index) writer.contents(kRawContents, sent(index), loan_);
  }

 private:
  struct OutputSizes {
    std::size_t contents = 0;
    std::size_t tensor = 0;
  };

  // Where the output was written to, or nullptr where it is sent.
  const SharedPlace* place_of(std::size_t index) const noexcept {
    const bool placed = !head_.places.empty() && head_.places[index].region != nullptr;
    return placed ? &head_.places[index] : nullptr;
  }
  std::span<const std::byte> sent(std::size_t index) const noexcept {
    return place_of(index) == nullptr ? outputs_[index].bytes : std::span<const std::byte>();
  }

  OutputSizes measure(std::size_t index) const noexcept {
    const TensorView& output = outputs_[index];
    OutputSizes sizes;
    sizes.tensor = text_size(kName, output.name) + text_size(kDatatype, name_of(output.datatype)) +
                   packed_size(kShape, output.shape.dimensions());
    if (const SharedPlace* place = place_of(index)) {
      sizes.tensor += place_parameters_size(kParameters, *place, output.bytes.size());
    } else if (typed_) {
      sizes.contents = typed_contents_size(output);
      sizes.tensor += bytes_size(kContents, sizes.contents);
    }
    return sizes;
  }

  void write_output(WireWriter& writer, std::size_t index) const noexcept {
    const TensorView& output = outputs_[index];
    const OutputSizes sizes = measure(index);
    writer.begin_message(kOutputs, sizes.tensor);
    writer.text(kName, output.name);
    writer.text(kDatatype, name_of(output.datatype));
    writer.packed(kShape, output.shape.dimensions());
    if (const SharedPlace* place = place_of(index)) {
      write_place_parameters(writer, kParameters, *place, output.bytes.size());
    } else if (typed_) {
      writer.begin_message(kContents, sizes.contents);
      write_typed_contents(writer, output);
    }
  }

  const ResponseHead& head_;
  const VersionText version_;
  const std::span<const TensorView> outputs_;
  const Loan& loan_;
  const bool typed_;
};

}  // namespace

Result<Message> encode_model_infer_response(const ResponseHead& head, std::span<const TensorView> outputs, bool typed,
                                            const Loan& loan, BufferPool& pool) {
  PYSERVER_RETURN_IF_ERROR(check_outputs(head.model, outputs));
  const Response response(head, outputs, typed, loan);
  Result<Buffer> buffer = pool.take(response.size() - response.lent_size());
  if (!buffer.ok()) return std::move(buffer).status();
  WireWriter writer(buffer->bytes());
  response.write(writer);
  return finished(writer, *std::move(buffer), loan);
}

Result<Message> encode_model_stream_infer_response(const ResponseHead& head, std::span<const TensorView> outputs,
                                                   bool typed, const Loan& loan, BufferPool& pool) {
  PYSERVER_RETURN_IF_ERROR(check_outputs(head.model, outputs));
  const Response response(head, outputs, typed, loan);
  const std::size_t size = response.size();
  Result<Buffer> buffer = pool.take(bytes_size(kInferResponse, size) - response.lent_size());
  if (!buffer.ok()) return std::move(buffer).status();
  WireWriter writer(buffer->bytes());
  writer.begin_message(kInferResponse, size);
  response.write(writer);
  return finished(writer, *std::move(buffer), loan);
}

Result<Buffer> encode_model_stream_infer_error(const ResponseHead& head, const Status& status, BufferPool& pool) {
  const std::string message = sendable_message(status);
  // Without outputs there is nothing to type, and nothing raw.
  const Loan nothing;
  const Response response(head, {}, false, nothing);
  const std::size_t size = response.size();
  Result<Buffer> buffer = pool.take(text_size(kErrorMessage, message) + bytes_size(kInferResponse, size));
  if (!buffer.ok()) return buffer;
  WireWriter writer(buffer->bytes());
  writer.text(kErrorMessage, message);
  writer.begin_message(kInferResponse, size);
  response.write(writer);
  return buffer;
}

}  // namespace pyserver
