// InProcessConnection: the models of a core in this process, asked without any transport: the same requests, and only
// engine and batcher between them and the answer.
//
// Answers come on the threads of the models' instances; they are taken to the worker's thread before anybody looks at
// them. Requests that are lost may be answered after this has gone: their answers are dropped.
#pragma once

#include <memory>
#include <vector>

#include "loadgen/call_list.h"
#include "loadgen/connection.h"

namespace pyserver::loadgen {

class InProcessConnection final : public Connection, private Poller::Watcher {
 public:
  explicit InProcessConnection(const ConnectionScope& scope);
  ~InProcessConnection() override;

  void start() override;
  bool open() const noexcept override { return open_; }
  const Status& problem() const noexcept override { return problem_; }
  std::size_t room() const noexcept override;
  std::size_t in_flight() const noexcept override { return calls_.size(); }
  void begin(const Ticket& ticket, std::uint32_t body) override;
  void flush() override;
  void tick(Nanos now) override;
  void abandon() override;
  std::uint64_t times_opened() const noexcept override { return open_ ? 1 : 0; }

 private:
  class Mailbox;
  class Completion;
  struct Answer;
  struct Call;

  void on_ready(std::uint32_t readiness) override;
  void take(Answer& answer);

  const ConnectionScope scope_;
  const std::shared_ptr<Mailbox> mailbox_;
  bool open_ = false;
  Status problem_;
  CallList<Call> calls_;
  std::vector<Answer> answers_;  // taken from the mailbox
  std::vector<std::byte> message_;
};

}  // namespace pyserver::loadgen
