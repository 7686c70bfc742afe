#include "loadgen/stream_connection.h"

#include "base/text.h"

namespace pyserver::loadgen {

std::size_t StreamConnection::room() const noexcept {
  if (!takes_calls()) return 0;
  return scope_.most_in_flight > calls_.size() ? scope_.most_in_flight - calls_.size() : 0;
}

void StreamConnection::begin(const Ticket& ticket, std::uint32_t body) {
  Call& call = calls_.take(ticket, [] { return std::make_unique<Call>(); });
  call.body = body;
  const LoadRequests& requests = scope_.requests;
  call.cursor = requests.options().id_offset
                    ? MessageCursor(requests.message(body), *requests.options().id_offset + kMessagePrefix,
                                    to_request_id(call.number()))
                    : MessageCursor(requests.message(body));
  unsent_bytes_ += call.cursor.left();
  if (sending_ == nullptr) sending_ = &call;
  if (stream_ != 0) {
    if (std::exchange(deferred_, false)) session().resume(stream_);
    return;
  }
  answer_.clear();
  messages_.clear();
  deferred_ = false;
  const Result<StreamId> stream = session().open(head(), *this);
  if (stream.ok()) {
    stream_ = *stream;
  } else {
    fail_all(stream.status().message());
  }
}

ClientExchange::Ready StreamConnection::ready_body() {
  deferred_ = unsent_bytes_ == 0;
  return {unsent_bytes_, false};
}

void StreamConnection::take_body(OutputQueue& out, std::size_t size) {
  unsent_bytes_ -= size;
  while (size > 0) {
    const std::size_t step = std::min(size, sending_->cursor.left());
    sending_->cursor.move_to(out, step);
    size -= step;
    if (sending_->cursor.left() == 0) sending_ = sending_->next;
  }
}

void StreamConnection::on_data(std::span<const std::byte> bytes) {
  const Status fed = messages_.feed(bytes, true, [this](std::span<const std::byte> message) { take_answer(message); });
  if (!fed.ok()) scope_.recorder.note(ErrorKind::grpc(fed.code()), fed.message());
}

void StreamConnection::take_answer(std::span<const std::byte> message) {
  Recorder& recorder = scope_.recorder;
  const Result<StreamAnswer> answer = read_stream_answer(scope_.requests.options().id_reader, message);
  if (!answer.ok()) {
    recorder.note(ErrorKind::mismatch(), concat("an answer cannot be read: ", answer.status().message()));
    return;
  }
  Call* call = asked(answer->id);
  if (call == nullptr) {
    recorder.note(ErrorKind::mismatch(), concat("an answer is for ", quoted(answer->id), ", which nobody waits for"));
    return;
  }
  if (!call->told) {
    if (answer->error) {
      recorder.failed(call->ticket, now(), *answer->error, answer->sentence);
    } else {
      const Status problem = scope_.answers.read(call->ticket, call->body, answer->response);
      if (problem.ok()) {
        recorder.answered(call->ticket, now(), message.size() + kMessagePrefix);
      } else {
        recorder.failed(call->ticket, now(), ErrorKind::mismatch(), problem.message());
      }
    }
  }
  calls_.give_back(*call);
}

StreamConnection::Call* StreamConnection::asked(std::string_view id) const noexcept {
  Call* call = nullptr;
  if (scope_.requests.options().id_reader == IdReader::kNone) {
    call = calls_.first();
  } else if (const std::optional<std::uint64_t> number = from_request_id(id)) {
    call = calls_.numbered(*number);
  }
  // Nobody can have answered what was not sent to its end.
  return call != nullptr && call->cursor.left() == 0 ? call : nullptr;
}

void StreamConnection::on_closed(Http2Error error) {
  stream_ = 0;
  if (answer_.ok()) {
    fail_all(ErrorKind::grpc(StatusCode::kInternal), "the server ended the stream before it answered everything");
  } else {
    fail_all(answer_.error(error), answer_.sentence(error));
  }
}

void StreamConnection::fail_all(ErrorKind kind, std::string_view sentence) {
  calls_.give_all_back([&](const Call& call) { scope_.recorder.failed(call.ticket, now(), kind, sentence); });
  stream_ = 0;
  sending_ = nullptr;
  unsent_bytes_ = 0;
}

void StreamConnection::abandon() {
  calls_.give_all_back([this](const Call& call) { scope_.recorder.lost(call.ticket); });
}

void StreamConnection::time_out(Nanos moment) {
  // The stream cannot take a request back: its place stays taken until the answer comes.
  calls_.time_out(moment, [&](const Call& call) {
    scope_.recorder.failed(call.ticket, moment, ErrorKind::timeout(), "no answer within the time-out");
  });
}

}  // namespace pyserver::loadgen
