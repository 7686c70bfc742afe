#include "transport/state_calls.h"

#include <charconv>

#include "base/text.h"
#include "codec/wire_reader.h"
#include "codec/wire_writer.h"
#include "transport/connection.h"
#include "transport/loop_thread.h"

namespace pyserver {
namespace {

// inference.ModelReadyRequest.
struct ModelReadyRequest {
  std::string_view name;
  std::int64_t version = 0;  // 0: any
};

Result<std::int64_t> parse_version(std::string_view text) {
  if (text.empty()) return std::int64_t{0};
  std::int64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size() || version < 1) {
    return invalid_argument(
        concat("version ", quoted(text), ": expected a whole number from 1 to 9223372036854775807, or nothing"));
  }
  return version;
}

Result<ModelReadyRequest> decode(std::span<const std::byte> message) {
  ModelReadyRequest request;
  std::string_view version;
  WireReader reader(message);
  WireField field;
  while (reader.next(field)) {
    if (field.tag == bytes_tag(1)) reader.text(field, request.name);
    if (field.tag == bytes_tag(2)) reader.text(field, version);
  }
  if (!reader.ok()) return reader.status();
  if (request.name.empty()) return invalid_argument("the request names no model");
  Result<std::int64_t> number = parse_version(version);
  if (!number.ok()) return std::move(number).status();
  request.version = *number;
  return request;
}

// ServerLiveRequest and ServerReadyRequest have no fields that anyone knows.
Status check_empty_message(std::span<const std::byte> message) {
  WireReader reader(message);
  WireField field;
  while (reader.next(field)) {
  }
  return reader.status();
}

// ServerLiveResponse, ServerReadyResponse and ModelReadyResponse are alike: one bool, field 1.
Result<Buffer> encode(bool yes, BufferPool& pool) {
  Result<Buffer> buffer = pool.take(scalar_size(1, yes ? 1 : 0));
  if (!buffer.ok()) return buffer;
  WireWriter writer(buffer->bytes());
  writer.scalar(1, yes ? 1 : 0);
  return buffer;
}

class StateCall final : public UnaryReceiver {
 public:
  StateCall(Connection& connection, ServerCall& call, StateQuestion question)
      : UnaryReceiver(connection, call), question_(question) {}

 private:
  void answer(Buffer request) override {
    const Result<bool> found = find_answer(request.bytes());
    if (!found.ok()) return finish(found.status());
    Result<Buffer> message = encode(*found, connection().scope().pool);
    if (!message.ok()) return finish(message.status());
    const Status sent = call()->send_message(*std::move(message));
    finish(sent);
  }

  Result<bool> find_answer(std::span<const std::byte> message) {
    if (question_ != StateQuestion::kModelReady) PYSERVER_RETURN_IF_ERROR(check_empty_message(message));
    switch (question_) {
      case StateQuestion::kServerLive: return true;
      case StateQuestion::kServerReady: return connection().scope().state.ready();
      case StateQuestion::kModelReady: {
        const Result<ModelReadyRequest> request = decode(message);
        if (!request.ok()) return request.status();
        return connection().scope().models.serves(request->name, request->version);
      }
    }
    return false;
  }

  const StateQuestion question_;
};

}  // namespace

std::unique_ptr<Receiver> make_state_call(Connection& connection, ServerCall& call, StateQuestion question) {
  return std::make_unique<StateCall>(connection, call, question);
}

}  // namespace pyserver
