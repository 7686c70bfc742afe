// identity: output k is input k, byte for byte. It shows the server's own cost and nothing else.
#pragma once

#include <chrono>
#include <memory>

#include "base/clock.h"
#include "inference/engine.h"

namespace pyserver {

struct IdentityOptions {
  // How long each execution takes, for tests.
  std::chrono::microseconds delay{0};
  int instances = 1;
};

// INVALID_ARGUMENT unless there is an output for each input, alike in datatype and shape.
// `clock` measures the delay.
Result<std::unique_ptr<Engine>> make_identity_engine(ModelSignature signature, IdentityOptions options,
                                                     std::shared_ptr<Clock> clock);

}  // namespace pyserver
