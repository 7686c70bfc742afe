#include "loadgen/in_process_connection.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "server/infer_service.h"

namespace pyserver::loadgen {
namespace {

// How often answers that are there at once are followed up before the worker looks at the time and at others.
constexpr int kRounds = 64;

}  // namespace

struct InProcessConnection::Answer {
  std::size_t place = 0;  // of the call
  TimePoint at;
  InferResult result;
};

struct InProcessConnection::Call : CallList<Call>::Links {
  Ticket ticket;
  std::uint32_t body = 0;
  bool told = false;  // the recorder knows how it ended
  InferCall infer;
};

// Where answers wait for the worker's thread. Thread-safe.
class InProcessConnection::Mailbox {
 public:
  Mailbox() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  int fd() const noexcept { return event_.fd(); }

  void put(Answer answer) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      first = answers_.empty() && !awake_;
      answers_.push_back(std::move(answer));
    }
    if (first) wake();
  }
  // While the worker is at work it looks by itself, and nobody needs to wake it.
  void set_awake(bool awake) {
    const std::lock_guard lock(mutex_);
    awake_ = awake;
    if (!awake && !answers_.empty()) wake();
  }
  void take(std::vector<Answer>& into) {
    const std::lock_guard lock(mutex_);
    into.swap(answers_);
  }
  // From now on answers are dropped.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    answers_.clear();
  }
  void settle() noexcept {
    std::uint64_t times = 0;
    [[maybe_unused]] const ssize_t got = read(event_.fd(), &times, sizeof times);
  }

 private:
  void wake() noexcept {
    const std::uint64_t once = 1;
    [[maybe_unused]] const ssize_t written = write(event_.fd(), &once, sizeof once);
  }

  const Socket event_;
  std::mutex mutex_;
  std::vector<Answer> answers_;  // guarded by mutex_
  bool awake_ = false;           // guarded by mutex_
  bool closed_ = false;          // guarded by mutex_
};

class InProcessConnection::Completion final : public InferCompletion {
 public:
  Completion(std::shared_ptr<Mailbox> mailbox, std::shared_ptr<const LoadRequests> requests, std::size_t place)
      : mailbox_(std::move(mailbox)), requests_(std::move(requests)), place_(place) {}

  void done(InferResult result) override {
    mailbox_->put({place_, std::chrono::steady_clock::now(), std::move(result)});
  }
  std::shared_ptr<const void> share_request() override { return requests_; }

 private:
  const std::shared_ptr<Mailbox> mailbox_;
  const std::shared_ptr<const LoadRequests> requests_;  // keeps the bytes that were asked with
  const std::size_t place_;
};

InProcessConnection::InProcessConnection(const ConnectionScope& scope)
    : scope_(scope), mailbox_(std::make_shared<Mailbox>()) {}

InProcessConnection::~InProcessConnection() {
  mailbox_->close();
  if (open_) scope_.poller.unwatch(mailbox_->fd());
}

void InProcessConnection::start() {
  problem_ = scope_.poller.watch(mailbox_->fd(), Poller::kReadable, *this);
  open_ = problem_.ok();
}

std::size_t InProcessConnection::room() const noexcept {
  return open_ && scope_.most_in_flight > calls_.size() ? scope_.most_in_flight - calls_.size() : 0;
}

void InProcessConnection::begin(const Ticket& ticket, std::uint32_t body) {
  Call& call = calls_.take([] { return std::make_unique<Call>(); });
  call.ticket = ticket;
  call.body = body;
  call.told = false;
  const TimePoint began = std::chrono::steady_clock::now();
  // May be answered before it returns; nobody looks at the answer before flush().
  call.infer = scope_.target.service->infer(
      scope_.target.form, scope_.requests.content(body), began, kNever,
      std::make_unique<Completion>(mailbox_, scope_.requests.shared_from_this(), call.place));
}

void InProcessConnection::flush() {
  mailbox_->set_awake(true);
  for (int round = 0; round < kRounds; ++round) {
    mailbox_->take(answers_);
    if (answers_.empty()) break;
    for (Answer& answer : answers_) take(answer);
    answers_.clear();
    scope_.clock.now();
    scope_.owner.on_room(*this);
  }
  mailbox_->set_awake(false);
}

void InProcessConnection::take(Answer& answer) {
  Call& call = *calls_.at(answer.place);
  Recorder& recorder = scope_.recorder;
  const InferResult& result = answer.result;
  const Nanos at = std::chrono::duration_cast<std::chrono::nanoseconds>(answer.at.time_since_epoch()).count() -
                   scope_.clock.origin();
  if (!call.told && !result.status.ok()) {
    recorder.failed(call.ticket, at, ErrorKind::grpc(result.status.code()), result.status.message());
  } else if (!call.told) {
    Status problem;
    if (scope_.answers.wanted()) {
      message_.resize(result.response.size());
      result.response.copy_to(message_.data());
      problem = scope_.answers.read(call.ticket, call.body, message_);
    }
    if (problem.ok()) {
      recorder.answered(call.ticket, at, result.response.size());
    } else {
      recorder.failed(call.ticket, at, ErrorKind::mismatch(), problem.message());
    }
  }
  call.infer = InferCall();
  calls_.give_back(call);
}

void InProcessConnection::on_ready(std::uint32_t) {
  mailbox_->settle();
  flush();
}

void InProcessConnection::tick(Nanos now) {
  if (!scope_.plan.timeout) return;
  for (Call* call = calls_.first(); call != nullptr && call->ticket.due + *scope_.plan.timeout <= now;
       call = call->next) {
    if (std::exchange(call->told, true)) continue;
    scope_.recorder.failed(call->ticket, now, ErrorKind::timeout(), "no answer within the time-out");
    call->infer.cancel();
  }
}

void InProcessConnection::abandon() {
  mailbox_->close();
  while (Call* call = calls_.first()) {
    if (!call->told) scope_.recorder.lost(call->ticket);
    call->infer.cancel();
    calls_.give_back(*call);
  }
}

}  // namespace pyserver::loadgen
