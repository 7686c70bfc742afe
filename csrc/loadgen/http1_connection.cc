#include "loadgen/http1_connection.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace pyserver::loadgen {
namespace {

// Of a body that says why a request failed.
constexpr std::size_t kQuotedBytes = 200;

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

std::string make_http1_head(const LoadTarget& target, const LoadRequests& requests) {
  std::string head = concat("POST ", requests.options().path, " HTTP/1.1\r\nHost: ", target.authority, "\r\n");
  bool typed = false;
  for (const auto& [name, value] : requests.options().headers) {
    head += concat(name, ": ", value, "\r\n");
    typed = typed || name == "content-type";
  }
  if (!typed) head += "Content-Type: application/json\r\n";
  return head + "User-Agent: pyserver-bench\r\nContent-Length: ";
}

void Http1Connection::on_connected() {
  closing_ = false;
  opened();
}

void Http1Connection::begin(const Ticket& ticket, std::uint32_t body) {
  busy_ = true;
  ticket_ = ticket;
  body_ = body;
  head_sent_ = false;
  const LoadRequests& requests = scope_.requests;
  cursor_ = requests.options().id_offset
                ? MessageCursor(requests.content(body), *requests.options().id_offset, to_request_id(begun_++))
                : MessageCursor(requests.content(body));
  reader_.clear();
  received_bytes_ = 0;
  kept_.clear();
}

void Http1Connection::produce(OutputQueue& out, std::size_t enough) {
  if (!busy_) return;
  if (!head_sent_) {
    head_sent_ = true;
    std::array<char, 24> length;
    const auto end = std::to_chars(length.data(), length.data() + length.size(), cursor_.left()).ptr;
    out.append(as_bytes(head_));
    out.append(as_bytes({length.data(), end}));
    out.append(as_bytes("\r\n\r\n"));
  }
  if (out.size() < enough) cursor_.move_to(out, std::min(cursor_.left(), enough - out.size()));
}

Status Http1Connection::on_bytes(std::span<const std::byte> bytes) {
  if (!busy_) return unavailable("the server answered without a request");
  const bool keeps = scope_.answers.wanted();
  const Result<std::size_t> used = reader_.read(bytes, [&](std::span<const std::byte> piece) {
    received_bytes_ += piece.size();
    // Of an answer that says that something went wrong, the beginning.
    const std::size_t room = kQuotedBytes - std::min(kept_.size(), kQuotedBytes);
    const std::size_t kept = keeps ? piece.size() : reader_.status() == 200 ? 0 : std::min(piece.size(), room);
    kept_.insert(kept_.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(kept));
  });
  if (!used.ok()) return used.status();
  if (!reader_.complete()) return {};
  if (*used < bytes.size()) return unavailable("the server answered more than it was asked");
  tell();
  return {};
}

void Http1Connection::tell() {
  busy_ = false;
  // An answer that came before its request was sent: the rest of the request would be taken for another one.
  closing_ = !reader_.keeps_alive() || cursor_.left() > 0;
  Recorder& recorder = scope_.recorder;
  if (reader_.status() != 200) {
    const std::string_view said(reinterpret_cast<const char*>(kept_.data()), kept_.size());
    recorder.failed(
        ticket_, now(), ErrorKind::http(reader_.status()),
        concat("the server answered with HTTP status ", reader_.status(), ": ", quoted(said, kQuotedBytes)));
    return;
  }
  const Status problem = scope_.answers.wanted() ? scope_.answers.read(ticket_, body_, kept_) : Status();
  if (problem.ok()) {
    recorder.answered(ticket_, now(), received_bytes_);
  } else {
    recorder.failed(ticket_, now(), ErrorKind::mismatch(), problem.message());
  }
}

bool Http1Connection::ends_well() {
  if (busy_ && reader_.end()) tell();
  return !busy_;
}

void Http1Connection::on_broken(std::string_view sentence) {
  if (std::exchange(busy_, false)) scope_.recorder.failed(ticket_, now(), ErrorKind::connection(), sentence);
}

void Http1Connection::abandon() {
  if (std::exchange(busy_, false)) scope_.recorder.lost(ticket_);
}

Nanos Http1Connection::next_timeout() const noexcept {
  return busy_ && scope_.plan.timeout ? ticket_.due + *scope_.plan.timeout : kNeverNanos;
}

void Http1Connection::time_out(Nanos moment) {
  busy_ = false;
  scope_.recorder.failed(ticket_, moment, ErrorKind::timeout(), "no answer within the time-out");
  // The answer may still come, and would be taken for that of the next request.
  break_off(unavailable("no answer within the time-out"), Then::kReconnectNow);
}

}  // namespace pyserver::loadgen
