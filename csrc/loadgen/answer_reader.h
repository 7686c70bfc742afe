// AnswerReader: what a worker looks for in the content of answers: whether it is what was expected, and pyserver's
// ledger. Shared by all connections of a worker; belongs to its thread.
#pragma once

#include "loadgen/answer_check.h"
#include "loadgen/answer_fields.h"
#include "loadgen/recorder.h"
#include "loadgen/requests.h"

namespace pyserver::loadgen {

class AnswerReader {
 public:
  // Both must outlive the reader.
  AnswerReader(const LoadRequests& requests, Recorder& recorder)
      : requests_(requests), recorder_(recorder), wanted_(requests.reads_answers()) {}

  // Whether read() does anything: else answers need not be kept.
  bool wanted() const noexcept { return wanted_; }
  // The answer to a request that has not ended. Not OK: it is wrong.
  Status read(const Ticket& ticket, std::uint32_t body, std::span<const std::byte> message) {
    if (requests_.options().ledger) {
      if (const std::optional<Ledger> ledger = read_ledger(message)) recorder_.ledger(ticket, *ledger);
    }
    const Expectation* expectation = requests_.expectation(body);
    return expectation == nullptr ? Status() : check_.check(*expectation, message);
  }

 private:
  const LoadRequests& requests_;
  Recorder& recorder_;
  const bool wanted_;
  AnswerCheck check_;
};

}  // namespace pyserver::loadgen
