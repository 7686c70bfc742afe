#include "loadgen/unary_connection.h"

#include "base/text.h"

namespace pyserver::loadgen {

class UnaryConnection::Call final : public ClientExchange, public TimedCalls<Call>::Links {
 public:
  explicit Call(UnaryConnection& connection) : connection_(connection) {}

  void start(std::uint32_t its_body, std::uint64_t id) {
    const LoadRequests& requests = connection_.scope_.requests;
    body = its_body;
    const std::optional<std::size_t>& id_offset = requests.options().id_offset;
    if (id_offset) {
      cursor_ = MessageCursor(requests.message(body), *id_offset + kMessagePrefix, to_request_id(id));
    } else {
      cursor_ = MessageCursor(requests.message(body));
    }
    answer.clear();
    messages.clear();
    problem = Status();
    received_bytes = 0;
  }

  Ready ready_body() override { return {cursor_.left(), true}; }
  void take_body(OutputQueue& out, std::size_t size) override { cursor_.move_to(out, size); }
  void on_field(std::string_view name, std::string_view value) override { answer.take_field(name, value); }
  void on_data(std::span<const std::byte> bytes) override {
    // What has ended is counted elsewhere already.
    if (told) return;
    received_bytes += bytes.size();
    AnswerReader& answers = connection_.scope_.answers;
    const Status fed = messages.feed(bytes, answers.wanted(), [&](std::span<const std::byte> message) {
      if (answers.wanted()) problem = answers.read(ticket, body, message);
    });
    if (!fed.ok()) problem = fed;
  }
  void on_closed(Http2Error error) override {
    if (!told) connection_.tell(*this, error);
    connection_.calls_.give_back(*this);
  }

  StreamId stream = 0;
  std::uint32_t body = 0;
  GrpcAnswer answer;
  MessageAssembler messages;
  Status problem;  // with what was received, where gRPC itself has none
  std::size_t received_bytes = 0;

 private:
  UnaryConnection& connection_;
  MessageCursor cursor_;
};

UnaryConnection::UnaryConnection(const ConnectionScope& scope, const Http2RequestHead& head)
    : GrpcConnection(scope, head), calls_(scope.plan.timeout) {}

UnaryConnection::~UnaryConnection() = default;

std::size_t UnaryConnection::room() const noexcept {
  if (!takes_calls()) return 0;
  const std::size_t most = max_calls();
  return most > calls_.size() ? most - calls_.size() : 0;
}

void UnaryConnection::begin(const Ticket& ticket, std::uint32_t body) {
  Call& call = calls_.take(ticket, [this] { return std::make_unique<Call>(*this); });
  call.start(body, begun_++);
  const Result<StreamId> stream = session().open(head(), call);
  if (stream.ok()) {
    call.stream = *stream;
    return;
  }
  scope_.recorder.failed(ticket, now(), ErrorKind::connection(), stream.status().message());
  call.told = true;
  call.on_closed(Http2Error::kInternalError);
}

void UnaryConnection::tell(Call& call, Http2Error closed) {
  Recorder& recorder = scope_.recorder;
  call.told = true;
  if (!call.answer.ok()) {
    recorder.failed(call.ticket, now(), call.answer.error(closed), call.answer.sentence(closed));
  } else if (call.messages.messages() != 1 || !call.messages.between_messages()) {
    recorder.failed(call.ticket, now(), ErrorKind::grpc(StatusCode::kInternal),
                    concat("the answer has ", call.messages.messages(), " complete messages instead of one"));
  } else if (!call.problem.ok()) {
    recorder.failed(call.ticket, now(), ErrorKind::mismatch(), call.problem.message());
  } else {
    recorder.answered(call.ticket, now(), call.received_bytes);
  }
}

void UnaryConnection::fail_all(std::string_view sentence) {
  calls_.give_all_back(
      [&](const Call& call) { scope_.recorder.failed(call.ticket, now(), ErrorKind::connection(), sentence); });
}

void UnaryConnection::abandon() {
  calls_.give_all_back([this](const Call& call) { scope_.recorder.lost(call.ticket); });
}

Nanos UnaryConnection::next_timeout() const noexcept { return calls_.next_timeout(); }

void UnaryConnection::time_out(Nanos moment) {
  calls_.time_out(moment, [&](const Call& call) {
    scope_.recorder.failed(call.ticket, moment, ErrorKind::timeout(), "no answer within the time-out");
    session().reset(call.stream, Http2Error::kCancel);
  });
}

}  // namespace pyserver::loadgen
