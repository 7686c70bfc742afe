// AnswerCheck: whether an answer holds what it must.
//
// Belongs to one thread: memory is used again.
#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "loadgen/answer_tensors.h"
#include "loadgen/expectation.h"

namespace pyserver::loadgen {

class AnswerCheck {
 public:
  // OK; or in a sentence what differs, or why it cannot be read. Outputs that are not expected are not looked at.
  Status check(const Expectation& expectation, std::span<const std::byte> message);

 private:
  AnswerTensors tensors_;
};

}  // namespace pyserver::loadgen
