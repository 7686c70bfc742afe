// Decodes messages and encodes what it decoded, for tests/python/test_codec_against_protobuf.py to compare with
// protobuf.
//
// Standard input holds batches: the batch's length, then its messages, each with its length and one byte that says its
// kind. A batch is read whole before it is answered, so neither side waits for the other. An answer is, for each
// message, a length and
//   the status code (one byte; where it is not 0, the status message and the encoded error message of the kind), or
//   priority, wants_ledger, wants_typed_contents, the timeout in µs (-1: none), the number of wanted outputs, each with
//   its length; the rest is the decoded inputs as the outputs of an encoded response.
// Numbers are little-endian, lengths 4 bytes.
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/open_inference_codec.h"
#include "codec/predict_codec.h"

namespace pyserver {
namespace {

enum class Kind : unsigned char { kPredict = 0, kPredictStream = 1, kModelInfer = 2, kModelStreamInfer = 3 };

template <typename T>
void append_number(std::string& out, T number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void append_sized(std::string& out, std::string_view text) {
  append_number(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Codec {
 public:
  std::string answer(Kind kind, std::span<const std::byte> message) {
    // In memory of exactly its size, so that AddressSanitizer sees a read beyond it.
    const auto copy = std::make_unique<std::byte[]>(message.size());
    std::copy(message.begin(), message.end(), copy.get());
    Request request;
    const Status status = decode(kind, {copy.get(), message.size()}, request);
    std::string out;
    if (!status.ok()) {
      append_number(out, static_cast<unsigned char>(status.code()));
      append_sized(out, status.message());
      append_error(kind, request, status, out);
      return out;
    }
    append_number(out, static_cast<unsigned char>(0));
    append_number(out, request.priority);
    append_number(out, static_cast<unsigned char>(request.wants_ledger));
    append_number(out, static_cast<unsigned char>(request.wants_typed_contents));
    append_number(out, request.deadline == kNever
                           ? std::int64_t{-1}
                           : static_cast<std::int64_t>(microseconds_between(now_, request.deadline)));
    append_number(out, static_cast<std::uint32_t>(request.wanted_outputs.size()));
    for (std::string_view name : request.wanted_outputs) append_sized(out, name);
    const Result<Message> response = encode(kind, request);
    if (!response.ok()) {
      std::fprintf(stderr, "a decoded request could not be encoded: %s\n", response.status().message().c_str());
      std::exit(1);
    }
    response->each_piece([&out](std::span<const std::byte> piece) { out.append(text_of(piece)); });
    return out;
  }

 private:
  Status decode(Kind kind, std::span<const std::byte> message, Request& request) {
    switch (kind) {
      case Kind::kPredict: return decode_predict_request(message, *pool_, request);
      case Kind::kPredictStream: return decode_predict_stream_request(message, *pool_, request);
      case Kind::kModelInfer:
      case Kind::kModelStreamInfer: return decode_model_infer_request(message, now_, *pool_, request);
    }
    return internal_error("no such kind of message");
  }

  Result<Message> encode(Kind kind, const Request& request) {
    const ResponseHead head{request.model, request.version, request.id};
    std::function<Ledger()> ledger;
    if (request.wants_ledger) {
      ledger = [] { return Ledger{1, 200, 0, 40'000, 5, UINT64_MAX, 7, 8, UINT32_MAX}; };
    }
    switch (kind) {
      case Kind::kPredict: return encode_predict_response(head, request.inputs, ledger, loan_, *pool_);
      case Kind::kPredictStream: return encode_predict_stream_response(head, request.inputs, ledger, loan_, *pool_);
      case Kind::kModelInfer:
        return encode_model_infer_response(head, request.inputs, request.wants_typed_contents, loan_, *pool_);
      case Kind::kModelStreamInfer:
        return encode_model_stream_infer_response(head, request.inputs, request.wants_typed_contents, loan_, *pool_);
    }
    return internal_error("no such kind of message");
  }

  void append_error(Kind kind, const Request& request, const Status& status, std::string& out) {
    const ResponseHead head{request.model, request.version, request.id};
    std::optional<Result<Buffer>> error;
    if (kind == Kind::kPredictStream) error = encode_predict_stream_error(request.id, status, *pool_);
    if (kind == Kind::kModelStreamInfer) error = encode_model_stream_infer_error(head, status, *pool_);
    if (error && error->ok()) out.append(text_of((*error)->bytes()));
  }

  HostAllocator allocator_;
  std::shared_ptr<BufferPool> pool_ = BufferPool::create(allocator_);
  const Loan loan_{std::make_shared<int>(0), {}};  // of all that is large
  const TimePoint now_{std::chrono::seconds(1000)};
};

bool read_exactly(void* into, std::size_t size) { return std::fread(into, 1, size, stdin) == size; }

int run() {
  Codec codec;
  std::uint32_t size = 0;
  while (read_exactly(&size, sizeof size)) {
    std::vector<std::byte> batch(size);
    if (!read_exactly(batch.data(), size)) return 1;
    std::string answers;
    for (std::size_t at = 0; at < batch.size();) {
      std::uint32_t length = 0;
      std::memcpy(&length, &batch[at], sizeof length);
      const auto kind = static_cast<Kind>(batch[at + sizeof length]);
      at += sizeof length + 1;
      append_sized(answers, codec.answer(kind, std::span(batch).subspan(at, length)));
      at += length;
    }
    std::fwrite(answers.data(), 1, answers.size(), stdout);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace pyserver

int main() { return pyserver::run(); }
