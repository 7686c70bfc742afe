// Questions about the server's state that the core answers itself: ServerLive, ServerReady, ModelReady of the Open
// Inference Protocol. They are asked often, by probes that must not wait for Python.
#pragma once

#include <memory>

#include "transport/receiver.h"

namespace pyserver {

enum class StateQuestion { kServerLive, kServerReady, kModelReady };

std::unique_ptr<Receiver> make_state_call(Connection& connection, ServerCall& call, StateQuestion question);

}  // namespace pyserver
