// Calls that run models: the message goes into the core, its answer comes back as a task of the connection's loop.
#pragma once

#include <memory>

#include "server/infer_service.h"
#include "transport/receiver.h"

namespace pyserver {

std::unique_ptr<Receiver> make_unary_infer_call(Connection& connection, ServerCall& call, Protocol protocol);

// Any number of requests, answered in the order in which their answers are ready.
std::unique_ptr<Receiver> make_stream_infer_call(Connection& connection, ServerCall& call, Protocol protocol);

}  // namespace pyserver
